// Package executor runs jobs on goroutines that come from conc, under a count
// of its own. It is the only importer of conc.
//
// One conc.WaitGroup per executor starts the goroutines and joins them; what
// conc's pools are built of, without the pool. Why no pool:
//
//   - pool.Pool closes its task channel in Wait, and a Go that comes meanwhile
//     panics; tasks spawn siblings while their scope waits all the time.
//   - A limited pool's Go blocks, deaf to cancellation, while the pool is full.
//   - An unlimited pool keeps every goroutine it ever had until Wait: a burst
//     of 100,000 tasks would be 100,000 idle stacks in a long-lived scope.
//   - A fresh pool.Pool costs 732 ns for its first task, a conc.WaitGroup 411,
//     go with a sync.WaitGroup 385 (two cores, Go 1.26).
//
// What a pool would be wanted for is reuse: a goroutine that has grown its
// stack runs the next task at 0.18 to 0.38 of the cost of a new one. So a
// goroutine that ends its job takes the next that waits, up to eight rest when
// there is none, and the others go home.
package executor
