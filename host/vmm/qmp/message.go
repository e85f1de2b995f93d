package qmp

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Greeting is the first thing QEMU says: who it is.
type Greeting struct {
	Major, Minor, Micro int
	Package             string   // the distribution's version, for example "Debian 1:7.2+dfsg-7"
	Capabilities        []string // for example "oob"
}

// Event is something QEMU tells without being asked.
type Event struct {
	Name string
	Data json.RawMessage // nil where the event has none
	Time time.Time       // by the host's clock
}

// Decode puts the event's data into v. Missing data leaves v as it is.
func (e Event) Decode(v any) error {
	if len(e.Data) == 0 {
		return nil
	}
	if err := json.Unmarshal(e.Data, v); err != nil {
		return fmt.Errorf("decode event %s: %w", e.Name, err)
	}
	return nil
}

// message is one line from QEMU; exactly one of its pointers is set.
type message struct {
	greeting *Greeting
	event    *Event
	reply    *reply
}

// reply answers the command with the same id. QEMU leaves the id out when it could not
// even parse the command.
type reply struct {
	id     uint64
	hasID  bool
	result json.RawMessage
	err    *Error
}

// wire is the union of everything QEMU may send.
type wire struct {
	QMP       *wireGreeting   `json:"QMP"`
	Event     *string         `json:"event"`
	Data      json.RawMessage `json:"data"`
	Timestamp wireTime        `json:"timestamp"`
	Return    json.RawMessage `json:"return"`
	Error     *wireError      `json:"error"`
	ID        json.RawMessage `json:"id"`
}

type wireGreeting struct {
	Version struct {
		QEMU struct {
			Major int `json:"major"`
			Minor int `json:"minor"`
			Micro int `json:"micro"`
		} `json:"qemu"`
		Package string `json:"package"`
	} `json:"version"`
	Capabilities []string `json:"capabilities"`
}

type wireTime struct {
	Seconds      int64 `json:"seconds"`
	Microseconds int64 `json:"microseconds"`
}

type wireError struct {
	Class string `json:"class"`
	Desc  string `json:"desc"`
}

// decode reads one line. Its errors are of type *ProtocolError.
func decode(line []byte) (message, error) {
	var w wire
	if err := json.Unmarshal(line, &w); err != nil {
		return message{}, protocolError("not a QMP message", line, err)
	}
	kinds := 0
	for _, present := range []bool{w.QMP != nil, w.Event != nil, w.Return != nil, w.Error != nil} {
		if present {
			kinds++
		}
	}
	if kinds != 1 {
		return message{}, protocolError("not one of greeting, event, return, error", line, nil)
	}
	switch {
	case w.QMP != nil:
		return message{greeting: w.QMP.value()}, nil
	case w.Event != nil:
		return message{event: w.event()}, nil
	default:
		return w.reply(line)
	}
}

func (g *wireGreeting) value() *Greeting {
	v := g.Version
	return &Greeting{
		Major: v.QEMU.Major, Minor: v.QEMU.Minor, Micro: v.QEMU.Micro,
		Package: printable(v.Package), Capabilities: g.Capabilities,
	}
}

func (w *wire) event() *Event {
	at := time.Unix(w.Timestamp.Seconds, 0).Add(time.Duration(w.Timestamp.Microseconds) * time.Microsecond)
	return &Event{Name: printable(*w.Event), Data: w.Data, Time: at}
}

func (w *wire) reply(line []byte) (message, error) {
	r := &reply{result: w.Return}
	if w.Error != nil {
		r.err = &Error{Class: printable(w.Error.Class), Desc: printable(w.Error.Desc)}
	}
	if len(w.ID) > 0 {
		id, err := strconv.ParseUint(string(w.ID), 10, 64)
		if err != nil {
			return message{}, protocolError("an id that was never given", line, err)
		}
		r.id, r.hasID = id, true
	}
	return message{reply: r}, nil
}

// request is one command as QEMU reads it.
type request struct {
	Execute   string `json:"execute"`
	Arguments any    `json:"arguments,omitempty"`
	ID        uint64 `json:"id"`
}
