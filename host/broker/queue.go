package broker

import pq "container/heap"

// queue holds members in an order, each at most once; adding, removing and moving one takes log n.
type queue struct {
	ms     []*member
	before func(a, b *member) bool
	place  func(*member) *int // where a member keeps its place, from 1; 0 = it is not in the queue
}

// put adds a member, or moves it to where it belongs now.
func (q *queue) put(g *member) {
	if at := *q.place(g); at > 0 {
		pq.Fix(q, at-1)
		return
	}
	pq.Push(q, g)
}

func (q *queue) remove(g *member) {
	if at := *q.place(g); at > 0 {
		pq.Remove(q, at-1)
	}
}

// first is the one before all others, nil when there is none.
func (q *queue) first() *member {
	if len(q.ms) == 0 {
		return nil
	}
	return q.ms[0]
}

// Len implements heap.Interface.
func (q *queue) Len() int { return len(q.ms) }

// Less implements heap.Interface.
func (q *queue) Less(i, j int) bool { return q.before(q.ms[i], q.ms[j]) }

// Swap implements heap.Interface.
func (q *queue) Swap(i, j int) {
	q.ms[i], q.ms[j] = q.ms[j], q.ms[i]
	*q.place(q.ms[i]), *q.place(q.ms[j]) = i+1, j+1
}

// Push implements heap.Interface.
func (q *queue) Push(x any) {
	g := x.(*member)
	q.ms = append(q.ms, g)
	*q.place(g) = len(q.ms)
}

// Pop implements heap.Interface.
func (q *queue) Pop() any {
	last := len(q.ms) - 1
	g := q.ms[last]
	q.ms[last] = nil
	q.ms = q.ms[:last]
	*q.place(g) = 0
	return g
}

// byUrgency is the order in which free room is given: the stalled first, then the older first.
func byUrgency(x, y *member) bool {
	if x.Demand.Urgency != y.Demand.Urgency {
		return x.Demand.Urgency > y.Demand.Urgency
	}
	return x.at < y.at
}

func byAge(x, y *member) int { return x.at - y.at }
