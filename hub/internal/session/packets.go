package session

import "bytes"

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

// Find returns where the last such text stands in the packet of p, nil if there is none: for what is written there before
// anybody else sees p.
func (p *Prepared) Find(text string) []byte {
	packet := p.packet()
	if i := bytes.LastIndex(packet, []byte(text)); i >= 0 {
		return packet[i : i+len(text)]
	}
	return nil
}
