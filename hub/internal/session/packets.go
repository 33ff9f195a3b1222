package session

// Packets shows the packets that p holds, without their Engine.IO types, each with its attachments. They are not to be
// changed.
func (p *Prepared) Packets(show func(packet []byte, attachments [][]byte)) {
	if p.parts == nil {
		packet := p.packet()
		if !p.binary {
			packet = packet[1:]
		}
		show(packet, p.buffers)
		return
	}
	for _, part := range p.parts {
		part.Packets(show)
	}
}
