package qmp

import (
	"context"
	"encoding/json"
	"fmt"
)

// Execute runs one command and puts its answer into result. args and result may be nil.
//
// Errors: *Error when QEMU refuses; the context's cause when it ends first (the command may
// still take effect); the client's failure otherwise.
func (c *Client) Execute(ctx context.Context, command string, args, result any) error {
	answer, err := c.roundTrip(ctx, command, args)
	if err != nil {
		return fmt.Errorf("execute %s: %w", command, err)
	}
	if answer.err != nil {
		return fmt.Errorf("execute %s: %w", command, answer.err)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(answer.result, result); err != nil {
		return fmt.Errorf("decode answer of %s: %w", command, err)
	}
	return nil
}

func (c *Client) roundTrip(ctx context.Context, command string, args any) (reply, error) {
	if ctx.Err() != nil { // an ended context must not lose the race below and be sent
		return reply{}, context.Cause(ctx)
	}
	answers := make(chan reply, 1)
	id := c.register(answers)
	defer c.forget(id)
	line, err := json.Marshal(request{Execute: command, Arguments: args, ID: id})
	if err != nil {
		return reply{}, fmt.Errorf("encode arguments: %w", err)
	}
	line = append(line, '\n')
	out := c.out
	for {
		select {
		case out <- line:
			out = nil // sent once; a nil channel is never ready
		case answer := <-answers:
			return answer, nil
		case <-ctx.Done():
			return reply{}, context.Cause(ctx)
		case <-c.failed:
			return c.lastAnswer(answers)
		}
	}
}

// lastAnswer prefers an answer that came just before the connection ended: QEMU answers
// "quit" and is gone.
func (c *Client) lastAnswer(answers <-chan reply) (reply, error) {
	select {
	case answer := <-answers:
		return answer, nil
	default:
		return reply{}, c.Err()
	}
}

func (c *Client) register(answers chan<- reply) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastID++
	c.calls[c.lastID] = answers
	return c.lastID
}

func (c *Client) forget(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.calls, id)
}
