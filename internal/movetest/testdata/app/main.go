// Command app is the guest of movetest: it holds live data, counts, answers what it is asked over TCP, and says what it
// hears of its move. Arguments: MiB to hold, MiB a second to change of them, MiB a second of garbage to make.
package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/silo-os/silo/internal/vmtesting/noise"
	silo "github.com/silo-os/silo/runtime"
)

var (
	kept    [][]byte
	garbage []byte
)

func main() {
	silo.Main(func(ctx context.Context, g *silo.Guest) error {
		hold, change := number(1), number(2)
		kept = make([][]byte, hold)
		for i := range kept {
			kept[i] = make([]byte, 1<<20)
			noise.Fill(kept[i], uint64(i))
		}
		g.OnMigrate(func(_ context.Context, m silo.Migration) {
			fmt.Println("heard", m, "at", time.Now().UnixMilli())
		})
		l, err := net.Listen("tcp", ":7")
		if err != nil {
			return err
		}
		go accept(l)
		go count(ctx)
		go waste(ctx)
		if err := g.Ready(); err != nil {
			return err
		}
		for i := uint64(0); ctx.Err() == nil; i++ {
			if change == 0 {
				<-ctx.Done()
				break
			}
			noise.Fill(kept[i%uint64(len(kept))], i)
			time.Sleep(time.Second / time.Duration(change))
		}
		fmt.Println("stopped")
		return nil
	})
}

func number(i int) int {
	if len(os.Args) <= i {
		return 0
	}
	n, err := strconv.Atoi(os.Args[i])
	if err != nil {
		panic(err)
	}
	return n
}

// waste makes garbage.
func waste(ctx context.Context) {
	if number(3) == 0 {
		return
	}
	for i := uint64(0); ctx.Err() == nil; i++ {
		garbage = make([]byte, 1<<20)
		noise.Fill(garbage, i)
		time.Sleep(time.Second / time.Duration(number(3)))
	}
}

// count writes lines without a gap.
func count(ctx context.Context) {
	for i := 0; ctx.Err() == nil; i++ {
		fmt.Println("count", i)
		time.Sleep(100 * time.Millisecond)
	}
}

// accept answers each line with the line before it, and the lines so far. "grow N" first has N MiB more held.
func accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			in := bufio.NewScanner(c)
			last := ""
			for n := 1; in.Scan(); n++ {
				var more int
				if _, err := fmt.Sscanf(in.Text(), "grow %d", &more); err == nil {
					grow(more)
				}
				if _, err := fmt.Fprintf(c, "%d %s %s\n", n, last, in.Text()); err != nil {
					return
				}
				last = in.Text()
			}
		}()
	}
}

var grown [][]byte

func grow(mib int) {
	for i := range mib {
		b := make([]byte, 1<<20)
		noise.Fill(b, uint64(i))
		grown = append(grown, b)
	}
}
