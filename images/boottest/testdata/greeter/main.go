// Command greeter greets one client over TCP, under the name by which it was called, and ends.
package main

import (
	"fmt"
	"net"
	"os"
)

func main() {
	l, err := net.Listen("tcp", ":8080")
	if err != nil {
		fmt.Println("greeter:", err)
		os.Exit(1)
	}
	conn, err := l.Accept()
	if err != nil {
		fmt.Println("greeter:", err)
		os.Exit(1)
	}
	names, err := os.ReadFile("/etc/resolv.conf")
	fmt.Fprintf(conn, "hello from %v, %s%v\n", conn.LocalAddr(), names, err)
	conn.(*net.TCPConn).CloseWrite()
	conn.Read(make([]byte, 1)) // until the client has it all
}
