package bench

import (
	"bufio"
	"fmt"
	"time"
)

// reliefs is how often a guest wants what its host does not have.
const reliefs = 3

// relief has a guest want what its host does not have.
func (m *migration) relief() ([]Result, error) {
	m.startNodes()
	var took []float64
	for i := range reliefs {
		name := fmt.Sprint("kv", i)
		if err := m.start(name, 16, 0, 0); err != nil {
			return nil, err
		}
		conn, err := m.pair.Net.Client.Dial(m.ctx, "tcp", migrateIP+":7")
		if err != nil {
			return nil, err
		}
		begun := time.Now()
		_ = conn.SetDeadline(begun.Add(time.Minute))
		_, err = fmt.Fprintf(conn, "grow %d\n", migrateGrow)
		if err == nil {
			_, err = bufio.NewReader(conn).ReadString('\n')
		}
		conn.Close()
		if err != nil {
			return nil, fmt.Errorf("ask for memory: %w", err)
		}
		all := time.Since(begun)
		took = append(took, all.Seconds())
		m.pair.B.Runs(name)
		if r := m.pair.A.Guest(name).Move; r != nil {
			m.tell(*r)
			fmt.Fprintf(m.cfg.Out, "  of %.0f ms in all\n", all.Seconds()*1e3)
		}
		if err := m.stop(m.pair.B, name); err != nil {
			return nil, err
		}
		if err := pause(m.ctx, time.Second); err != nil {
			return nil, err
		}
	}
	r, err := migrateRelief.Of(took, fmt.Sprintf("from a program's wanting %d MiB more on a host of 256 MiB to its having filled them, over one connection, on a host to which nobody moved it", migrateGrow))
	return []Result{r}, err
}
