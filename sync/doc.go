// Package sync has what tasks use to meet: in this release the [Queue].
//
// It keeps its name because that is what it is; import it as csync, since most
// files want the standard library's sync too:
//
//	import csync "github.com/corral-go/corral/sync"
//
// Every call that may block takes ctx first, notices cancellation also when it
// could go on at once, and when it returns a cancellation, nothing has
// happened. Waiters are served first come, first served. A Try call never
// blocks and never overtakes somebody who waits; its ctx only places its span.
//
// Nothing here starts a goroutine, and nothing has to be closed to be freed.
package sync
