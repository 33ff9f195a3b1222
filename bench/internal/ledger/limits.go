package ledger

// SequenceWindowMax is how far ahead of its oldest missing number a Sequence can remember: one bit of a word for each. What comes
// less than this much out of its turn is therefore judged exactly.
const SequenceWindowMax = 64

// SequenceJumpMax is how far ahead of its oldest missing number a Sequence takes a number for one that was sent.
const SequenceJumpMax = 1 << 20
