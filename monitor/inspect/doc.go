// Package inspect shows a running program: a page with the live tree of scopes
// and tasks, what waits for what, what was cancelled and has not ended, the lag
// of the scheduler, and what is wrong; the same as JSON and as text.
//
//	mux.Handle("/debug/corral/", inspect.Handler())
//
// # Who may look
//
// Without [Authorize], only who sits at the same machine: the peer has to be a
// loopback address, the Host header has to name one (localhost, 127.0.0.1,
// [::1]), and no header may say that a proxy stands between, or that a page of
// another site asks. Everybody else gets a 403. A tunnel to the machine (ssh -L)
// works. Requests are answered if they are GET or HEAD; nothing can be changed,
// and values of items and results are not shown: names, states, times, and the
// texts of errors that cancelled something are.
//
// # Guarantees
//
// No goroutine, ticker or buffer is there while nobody looks. A request walks
// through the tree, holds no lock for long and waits for none that somebody else
// holds for long; what is behind such a lock is missing, and the answer says so.
// One walk is made at a time, and its answer is given to all who ask for the same
// within half a second. What is sent is limited, however large the tree is:
// siblings that look alike are counted, what is left out is said. A request has
// ten seconds, so that who does not read holds nothing for longer.
//
// # What is there
//
// All of these stand beside the page, under the path where the Handler is
// mounted. Times are RFC 3339; what the fields mean says schema.json.
//
//	tree.json           scopes and tasks; ?in=ID, ?open=IDS, ?shut=IDS, ?apart=ID/NAME, ?find=, ?sort=age|wait|count|inside|name
//	scope.json?id=ID    what is in one scope or task, one by one, in time
//	queues.json         what is waited for, and what is watched: see [Watch]
//	cancellations.json  what was cancelled and has not ended
//	lag.json            how long goroutines that are ready wait to run
//	waits.json          who waits for whom; deadlocks
//	findings.json       what is wrong, or looks so
//	stack.txt?id=ID     where the goroutine of a task is; one at a time, once a second
//	dump.txt            what monitor.Dump writes
//	schema.json         JSON Schema of these answers, version 1
//
// Lists take ?limit=. Parameters that are not known, or make no sense, are a 400.
package inspect
