// Command deaf is an init that never says Hello.
package main

import (
	"fmt"
	"time"
)

func main() {
	fmt.Println("deaf init: sleeping")
	time.Sleep(time.Hour)
}
