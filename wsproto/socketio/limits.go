package socketio

const (
	// AttachmentsMax is the number of attachments that a packet may announce unless
	// Limits says otherwise, and the most that AppendEvent and AppendAck write: the
	// stock client breaks off its connection at the eleventh.
	AttachmentsMax = 10

	// PacketBytesMax bounds one packet, its text and its attachments together,
	// unless Limits says otherwise. It is the reference server's maxHttpBufferSize.
	PacketBytesMax = 1_000_000

	// NamespaceBytesMax bounds the name of a namespace, its slash included.
	NamespaceBytesMax = 255

	// AckIDMax is the largest ack id, the largest integer that JavaScript counts
	// exactly; ackIDDigitsMax is the number of its digits.
	AckIDMax       = 1<<53 - 1
	ackIDDigitsMax = 16

	// JSONDepthMax bounds the nesting of arrays and objects in a payload. It is
	// what makes recursion over decoded values safe.
	JSONDepthMax = 512

	// compileDepthMax is how deep Pretouch follows nested struct types.
	compileDepthMax = 8
)

// Limits bounds what a peer may send. A nil Limits and a field of zero stand for
// the constants above.
type Limits struct {
	AttachmentsMax int // attachments of one packet
	BytesMax       int // bytes of one packet: its text and all attachments
}

func (l *Limits) attachmentsMax() int {
	if l == nil || l.AttachmentsMax == 0 {
		return AttachmentsMax
	}
	return l.AttachmentsMax
}

func (l *Limits) bytesMax() int {
	if l == nil || l.BytesMax == 0 {
		return PacketBytesMax
	}
	return l.BytesMax
}
