package proc

import (
	"maps"
	"net"
	"os"
	"testing"
)

func TestListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := uint16(l.Addr().(*net.TCPAddr).Port)
	if !Listens(os.Getpid(), port) {
		t.Error("a listener is not found")
	}
	if Listens(1<<30, port) {
		t.Error("there is no such process")
	}
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	l.Close()
	if Listens(os.Getpid(), port) || Listens(os.Getpid(), uint16(conn.LocalAddr().(*net.TCPAddr).Port)) {
		t.Error("a connection is taken for a listener")
	}
}

func TestAddListeners(t *testing.T) {
	const text = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11111 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 22222 1 0000000000000000 20 4 30 10 -1
   2: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 33333 1 0000000000000000 100 0 0 10 0
   3: short
`
	got := make(map[string]bool)
	addListeners(got, text, 8080)
	if !maps.Equal(got, map[string]bool{"11111": true}) {
		t.Errorf("%v", got)
	}
}
