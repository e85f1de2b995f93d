// Command init is the first process of a silo guest. Images hold it as /init.
package main

import "github.com/silo-os/silo/runtime/pid1"

func main() { pid1.Main() }
