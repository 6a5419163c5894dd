package main

import (
	"context"
	"io"
	"net"
	"testing"
	"time"
)

// A round trip takes as long as it should, and bytes that follow each other do not wait
// for each other.
func TestDelayed(t *testing.T) {
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
	conn, err := delayed(100*time.Millisecond)(context.Background(), "tcp", listener.Addr().String())
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
	if took := time.Since(begun); took < 100*time.Millisecond || took > 250*time.Millisecond {
		t.Errorf("20 bytes took %s, want about 100 ms", took)
	}
}
