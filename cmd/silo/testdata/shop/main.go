// Command shop shows what its manifest gave it.
package main

import (
	"fmt"
	"net"
	"os"
	"time"

	_ "github.com/silo-os/silo/runtime/auto"
)

func main() {
	greeting, err := os.ReadFile("greeting")
	dir, _ := os.Getwd()
	fmt.Printf("%q %v in %s, args %q, token %q, stage %q\n", greeting, err, dir, os.Args[1:], os.Getenv("TOKEN"), os.Getenv("STAGE"))
	if _, err := net.Listen("tcp", ":7000"); err != nil { // who connects is served, so far as the probe asks
		panic(err)
	}
	sells()
}

// sells has a name that the stacks must show.
func sells() {
	for {
		time.Sleep(time.Second)
	}
}
