// Command app does what its first argument says, so that tests can watch it from outside.
package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	args := os.Args[1:]
	if len(args) == 0 {
		args = []string{"hello"}
	}
	switch args[0] {
	case "hello":
		fmt.Println("hello from the guest")
	case "exit":
		code, err := strconv.Atoi(args[1])
		if err != nil {
			panic(err)
		}
		fmt.Fprintln(os.Stderr, "leaving")
		os.Exit(code)
	case "panic":
		panic("boo")
	case "signal":
		// A Go program turns a fault of its own into a panic; this one comes from outside of it.
		if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
			panic(err)
		}
	case "hoard": // touches memory until somebody ends it
		var kept [][]byte
		for {
			b := make([]byte, 1<<20)
			for i := range b {
				b[i] = 1
			}
			kept = append(kept, b)
			runtime.KeepAlive(kept)
		}
	case "ungated": // the same, where the kernel kills at the limit instead of letting a thread wait
		if err := os.WriteFile("/sys/fs/cgroup/memory/app/memory.oom_control", []byte("0"), 0); err != nil {
			panic(err)
		}
		os.Args[1] = "hoard"
		main()
	case "kernel": // a kernel panics when its first process ends
		if err := syscall.Kill(1, syscall.SIGABRT); err != nil {
			panic(err)
		}
		time.Sleep(time.Hour)
	case "crash": // with something that a core must have, and where it is
		keep()
		panic("boo")
	case "keepsake": // the same without a crash, and goes on
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM)
		k := keep()
		for n := 0; ; n++ {
			select {
			case <-c:
				fmt.Println("kept", string(k[:8]), n > 0)
				return
			case <-time.After(20 * time.Millisecond):
				fmt.Println("at", n)
			}
		}
	case "tell":
		fmt.Printf("args %q\n", args[1:])
		for _, name := range []string{"GIVEN", "OWN", "UNSET"} {
			v, ok := os.LookupEnv(name)
			fmt.Printf("%s %q %v\n", name, v, ok)
		}
		host, err := os.Hostname()
		fmt.Println("host", host, err)
	case "flood":
		fmt.Print(strings.Repeat(strings.Repeat("x", 99)+"\n", 40_000))
	case "wait":
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM)
		fmt.Println("waiting")
		<-c
		fmt.Println("asked to end")
		os.Exit(3)
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("waiting")
		time.Sleep(time.Hour)
	case "count":
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM)
		for n := 0; ; n++ {
			fmt.Println("count", n)
			select {
			case <-c:
				fmt.Println("stopped")
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	case "keep": // keep FILE TEXT
		f, err := os.Create(args[1])
		if err == nil {
			_, err = f.WriteString(args[2])
		}
		if err == nil {
			err = f.Sync()
		}
		if err != nil {
			panic(err)
		}
		fmt.Println("kept")
		if len(args) > 3 { // and hold on to it
			time.Sleep(time.Hour)
		}
	case "recall": // recall FILE
		b, err := os.ReadFile(args[1])
		if err != nil {
			panic(err)
		}
		fmt.Printf("%s\n", b)
	case "later":
		fmt.Println("soon")
		time.Sleep(time.Second)
		fmt.Println("now")
		os.Exit(9)
	case "serve":
		http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "served") })
		fmt.Println("waiting")
		panic(http.ListenAndServe(":8080", nil))
	default:
		panic("what is " + args[0])
	}
}

// keep holds on to a page of text that is not in the program's file, and to some memory beside it, and says where the text is.
func keep() []byte {
	text := bytes.Repeat([]byte(strconv.Itoa(kept)), 1024)
	rest := make([]byte, 8<<20) // 64 pieces of a core
	for i := 0; i < len(rest); i += 4096 {
		rest[i] = byte(i>>12) | 1
	}
	fmt.Printf("kept at %p\n", text)
	held = append(held, text, rest)
	return text
}

// kept is a number so that the text is nowhere before it is made.
const kept = 20261129

var held [][]byte
