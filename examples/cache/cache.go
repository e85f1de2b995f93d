package main

import (
	"container/list"
	"sync"

	"github.com/silo-os/silo/alloc"
)

// cache keeps values until it is told that memory is short, the ones used last the longest.
type cache struct {
	mu     sync.Mutex
	order  *list.List // of *entry, the one used last in front; guarded by mu, as all below
	byName map[string]*list.Element
	bytes  int
}

type entry struct {
	name  string
	value []byte
}

func newCache() *cache { return &cache{order: list.New(), byName: make(map[string]*list.Element)} }

// get returns the value of that name, or makes it.
func (c *cache) get(name string, make func(string) []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byName[name]; ok {
		c.order.MoveToFront(e)
		return e.Value.(*entry).value
	}
	value := make(name)
	c.byName[name] = c.order.PushFront(&entry{name, value})
	c.bytes += len(value)
	return value
}

// size returns how many bytes are kept.
func (c *cache) size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes
}

// shrinkTo drops what was not used for longest until no more than so many bytes are kept, and returns how many were
// dropped.
func (c *cache) shrinkTo(bytes int) (dropped int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.bytes > bytes {
		last := c.order.Back()
		e := c.order.Remove(last).(*entry)
		delete(c.byName, e.name)
		c.bytes -= len(e.value)
		dropped += len(e.value)
	}
	return dropped
}

// relieve does what a level of pressure asks for: a cache is worth most as the memory that nobody else wants.
func (c *cache) relieve(p alloc.Pressure) (dropped int) {
	switch p {
	case alloc.PressureSome:
		return c.shrinkTo(c.size() / 2)
	case alloc.PressureHigh:
		return c.shrinkTo(c.size() / 8)
	}
	return 0
}
