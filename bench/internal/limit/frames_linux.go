package limit

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"strconv"

	"golang.org/x/sys/unix"

	"starling/bench/internal/rawio"
)

// The parts of the upgrade's answer (RFC 6455 4.2.2).
const (
	acceptHead = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
	acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	badRequest = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
)

func (s *Server) upgrade(fd int32, in []byte) int {
	end := bytes.Index(in, []byte("\r\n\r\n"))
	if end < 0 {
		if len(in) > requestBytesMax {
			s.close(fd)
		}
		return 0
	}
	key := headerValue(in[:end], []byte("sec-websocket-key"))
	if len(key) == 0 {
		s.write(fd, []byte(badRequest))
		s.close(fd)
		return 0
	}
	s.write(fd, appendAccept(make([]byte, 0, 192), key))
	s.conns[fd].state = open
	s.join(fd, 0)
	return end + 4
}

// headerValue is the value of the first header with that lower-case name, nil without one; it lies in head.
func headerValue(head, name []byte) []byte {
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		key, value, isHeader := bytes.Cut(line, []byte(":"))
		if isHeader && bytes.EqualFold(key, name) {
			return bytes.TrimSpace(value)
		}
	}
	return nil
}

func appendAccept(dst, key []byte) []byte {
	sum := sha1.Sum(append(append(make([]byte, 0, 64), key...), acceptGUID...))
	dst = append(dst, acceptHead...)
	dst = base64.StdEncoding.AppendEncode(dst, sum[:])
	return append(dst, "\r\n\r\n"...)
}

// frame handles one masked frame (RFC 6455 5.2) at the head of in; 0 means that it is not complete. A message is one frame: the
// flood client sends no fragments.
func (s *Server) frame(fd int32, in []byte) int {
	if len(in) < 2 {
		return 0
	}
	if in[1]&0x80 == 0 { // RFC 6455 5.1: a client masks
		s.close(fd)
		return 0
	}
	head, size := 2, uint64(in[1]&0x7f)
	switch size {
	case 126:
		head = 4
	case 127:
		head = 10
	}
	head += 4 // the mask
	if len(in) < head {
		return 0
	}
	switch head {
	case 8:
		size = uint64(binary.BigEndian.Uint16(in[2:]))
	case 14:
		size = binary.BigEndian.Uint64(in[2:])
	}
	if size > frameBytesMax {
		s.close(fd)
		return 0
	}
	if uint64(len(in)-head) < size {
		return 0
	}
	end := head + int(size)
	unmask(in[head:end], in[head-4:head])
	s.handle(fd, in[:end], head)
	return end
}

func unmask(payload, mask []byte) {
	word := uint64(binary.LittleEndian.Uint32(mask))
	word |= word << 32
	for len(payload) >= 8 {
		binary.LittleEndian.PutUint64(payload, binary.LittleEndian.Uint64(payload)^word)
		payload = payload[8:]
	}
	for i := range payload {
		payload[i] ^= mask[i&3]
	}
}

// The opcodes that are looked at (RFC 6455 5.2).
const (
	opClose = 8
	opPing  = 9
	opPong  = 10
)

// handle acts on a frame whose payload begins at head. Its masked header is at least four bytes longer than the unmasked one of
// the answer, so the answer is made in place, in front of the payload.
func (s *Server) handle(fd int32, frame []byte, head int) {
	opcode, payload := frame[0]&15, frame[head:]
	switch {
	case opcode == opClose:
		s.write(fd, unmaskedInPlace(frame, head, opClose))
		s.close(fd)
		return
	case opcode == opPing:
		s.write(fd, unmaskedInPlace(frame, head, opPong))
		return
	case opcode == opPong || len(payload) == 0:
		return
	}
	out := unmaskedInPlace(frame, head, opcode)
	switch payload[0] {
	case 'E':
		s.write(fd, out)
	case 'P':
		s.leave(fd)
		s.publish(0, out)
	case 'J', 'R':
		s.room(fd, payload, out)
	}
}

func (s *Server) room(fd int32, payload, out []byte) {
	if len(payload) < 9 {
		return
	}
	number, err := strconv.ParseUint(string(payload[1:9]), 16, 32)
	if err != nil || number >= roomsMax {
		return
	}
	s.leave(fd)
	if payload[0] == 'R' {
		s.publish(int(number)+1, out)
		return
	}
	s.join(fd, int(number)+1)
	s.write(fd, out)
}

func unmaskedInPlace(frame []byte, head int, opcode byte) []byte {
	size, at := len(frame)-head, head-2
	switch {
	case size < 126:
		frame[at+1] = byte(size)
	case size < 1<<16:
		at = head - 4
		frame[at+1] = 126
		binary.BigEndian.PutUint16(frame[at+2:], uint16(size))
	default:
		at = head - 10
		frame[at+1] = 127
		binary.BigEndian.PutUint64(frame[at+2:], uint64(size))
	}
	frame[at] = 0x80 | opcode
	return frame[at:]
}

// publish is what the program is for: one write for each member.
func (s *Server) publish(room int, out []byte) {
	if room >= len(s.rooms) {
		return
	}
	for _, fd := range s.rooms[room] {
		s.write(fd, out)
	}
}

func (s *Server) join(fd int32, room int) {
	for len(s.rooms) <= room {
		s.rooms = append(s.rooms, nil)
	}
	c := &s.conns[fd]
	c.room, c.place = int32(room), int32(len(s.rooms[room]))
	s.rooms[room] = append(s.rooms[room], fd)
}

// leave takes a connection out of its room; the last member takes its place.
func (s *Server) leave(fd int32) {
	c := &s.conns[fd]
	if c.room == noRoom {
		return
	}
	list := s.rooms[c.room]
	last := list[len(list)-1]
	list[c.place] = last
	s.conns[last].place = c.place
	s.rooms[c.room] = list[:len(list)-1]
	c.room = noRoom
}

// write sends b, or keeps what the kernel does not take. It never closes: it is called while rooms are walked.
func (s *Server) write(fd int32, b []byte) {
	if len(s.unsent) > 0 {
		if before, waiting := s.unsent[fd]; waiting {
			s.unsent[fd] = append(before, b...)
			return
		}
	}
	n, errno := rawio.Write(fd, b)
	if errno == 0 && n == len(b) {
		return
	}
	if errno != 0 && errno != unix.EAGAIN {
		s.failed = append(s.failed, fd)
		return
	}
	s.unsent[fd] = append([]byte(nil), b[max(n, 0):]...)
	_ = s.watch(fd, unix.EPOLL_CTL_MOD, unix.EPOLLIN|unix.EPOLLOUT)
}

func (s *Server) flush(fd int32) {
	b := s.unsent[fd]
	if len(b) == 0 {
		return
	}
	n, errno := rawio.Write(fd, b)
	switch {
	case errno == unix.EAGAIN:
	case errno != 0:
		s.failed = append(s.failed, fd)
	case n < len(b):
		s.unsent[fd] = b[n:]
	default:
		delete(s.unsent, fd)
		_ = s.watch(fd, unix.EPOLL_CTL_MOD, unix.EPOLLIN)
	}
}
