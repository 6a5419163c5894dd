package wiretest_test

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"gitops/ci/lab/wiretest"
)

// A round trip takes as long as it should, and bytes that follow each other do not wait
// for each other.
func TestSlowWire(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			io.Copy(conn, conn)
		}
	}()
	conn, err := (&wiretest.Wire{OneWay: 50 * time.Millisecond}).Dial(context.Background(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	begun := time.Now()
	for range 20 {
		if _, err := conn.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.ReadFull(conn, make([]byte, 20)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took < 100*time.Millisecond || took > time.Second {
		t.Errorf("20 bytes took %s, want about 100 ms", took)
	}
}

// A wire that is cut ends what goes over it, and refuses more until it is mended.
func TestCutWire(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var w wiretest.Wire
	conn, err := w.Dial(context.Background(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	w.Cut()
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("a connection over a wire that was cut goes on")
	}
	if _, err := w.Dial(context.Background(), "tcp", listener.Addr().String()); err == nil {
		t.Error("a connection begins over a wire that was cut")
	}
	w.Mend()
	if conn, err = w.Dial(context.Background(), "tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	conn.Close()
}
