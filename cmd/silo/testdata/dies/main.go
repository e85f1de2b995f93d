// Command dies is an init that ends, on which a kernel panics.
package main

import "fmt"

func main() { fmt.Println("dying init: bye") }
