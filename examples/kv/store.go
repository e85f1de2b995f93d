package main

import (
	"hash/maphash"
	"strconv"
	"strings"
	"sync"

	"github.com/tidwall/redcon"
)

// shards is how many locks the keys are spread over, so that two vCPUs rarely wait for each other.
const shards = 64

// store is a map in pieces, each with its own lock.
type store struct {
	seed  maphash.Seed
	shard [shards]shard
}

type shard struct {
	mu   sync.RWMutex
	data map[string][]byte
}

func newStore() *store {
	s := &store{seed: maphash.MakeSeed()}
	s.flush()
	return s
}

func (s *store) of(key []byte) *shard { return &s.shard[maphash.Bytes(s.seed, key)%shards] }

func (s *store) set(key, value []byte) {
	sh := s.of(key)
	v := append([]byte(nil), value...) // redcon reuses its buffers
	sh.mu.Lock()
	sh.data[string(key)] = v
	sh.mu.Unlock()
}

// get returns the value itself: values are replaced, never changed.
func (s *store) get(key []byte) ([]byte, bool) {
	sh := s.of(key)
	sh.mu.RLock()
	v, ok := sh.data[string(key)]
	sh.mu.RUnlock()
	return v, ok
}

func (s *store) del(key []byte) bool {
	sh := s.of(key)
	sh.mu.Lock()
	_, ok := sh.data[string(key)]
	delete(sh.data, string(key))
	sh.mu.Unlock()
	return ok
}

func (s *store) size() (n int) {
	for i := range s.shard {
		s.shard[i].mu.RLock()
		n += len(s.shard[i].data)
		s.shard[i].mu.RUnlock()
	}
	return n
}

// flush drops everything. New maps, because an emptied one keeps its buckets.
func (s *store) flush() {
	for i := range s.shard {
		s.shard[i].mu.Lock()
		s.shard[i].data = make(map[string][]byte)
		s.shard[i].mu.Unlock()
	}
}

// command is one operation: how many arguments it takes (least and most, -1 = any) and what it does.
type command struct {
	least, most int
	do          func(s *store, conn redcon.Conn, args [][]byte)
}

var commands = map[string]command{
	"ping":     {0, 1, (*store).ping},
	"echo":     {1, 1, func(_ *store, c redcon.Conn, args [][]byte) { c.WriteBulk(args[0]) }},
	"set":      {2, 2, (*store).doSet},
	"get":      {1, 1, (*store).doGet},
	"mget":     {1, -1, (*store).doMGet},
	"del":      {1, -1, (*store).doDel},
	"dbsize":   {0, 0, func(s *store, c redcon.Conn, _ [][]byte) { c.WriteInt(s.size()) }},
	"flushall": {0, 1, func(s *store, c redcon.Conn, _ [][]byte) { s.flush(); c.WriteString("OK") }},
	"command":  {0, -1, func(_ *store, c redcon.Conn, _ [][]byte) { c.WriteArray(0) }},
	"config":   {0, -1, (*store).doConfig},
	"quit":     {0, 0, func(_ *store, c redcon.Conn, _ [][]byte) { c.WriteString("OK"); c.Close() }},
}

func (s *store) handle(conn redcon.Conn, cmd redcon.Command) {
	name := strings.ToLower(string(cmd.Args[0]))
	c, ok := commands[name]
	args := cmd.Args[1:]
	switch {
	case !ok:
		conn.WriteError("ERR unknown command " + strconv.Quote(name))
	case len(args) < c.least || (c.most >= 0 && len(args) > c.most):
		conn.WriteError("ERR wrong number of arguments for " + strconv.Quote(name))
	default:
		c.do(s, conn, args)
	}
}

func (s *store) ping(conn redcon.Conn, args [][]byte) {
	if len(args) == 1 {
		conn.WriteBulk(args[0])
		return
	}
	conn.WriteString("PONG")
}

func (s *store) doSet(conn redcon.Conn, args [][]byte) {
	s.set(args[0], args[1])
	conn.WriteString("OK")
}

func (s *store) doGet(conn redcon.Conn, args [][]byte) { s.reply(conn, args[0]) }

func (s *store) doMGet(conn redcon.Conn, args [][]byte) {
	conn.WriteArray(len(args))
	for _, key := range args {
		s.reply(conn, key)
	}
}

func (s *store) reply(conn redcon.Conn, key []byte) {
	if v, ok := s.get(key); ok {
		conn.WriteBulk(v)
		return
	}
	conn.WriteNull()
}

func (s *store) doDel(conn redcon.Conn, args [][]byte) {
	n := 0
	for _, key := range args {
		if s.del(key) {
			n++
		}
	}
	conn.WriteInt(n)
}

// doConfig answers what redis-benchmark asks before it starts: nothing is saved to disk.
func (s *store) doConfig(conn redcon.Conn, args [][]byte) {
	if len(args) != 2 || !strings.EqualFold(string(args[0]), "get") {
		conn.WriteError("ERR only CONFIG GET is supported")
		return
	}
	conn.WriteArray(2)
	conn.WriteBulk(args[1])
	conn.WriteBulkString("")
}
