package ledger

// SequenceWindowMax is how far ahead of its oldest missing number a Sequence can remember: one bit of a word for each. A sender
// that keeps fewer than this many messages of one stream in flight is therefore judged exactly.
const SequenceWindowMax = 64
