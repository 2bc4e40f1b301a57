package task

import (
	"context"
	"runtime"

	"github.com/corral-go/corral/internal/park"
)

// watchDrop has dropped told if f becomes unreachable while it is pending:
// nobody will ever have its result. A finalizer, and not a cleanup, because it
// has to look at f once more. It must not look at ctx: finalizers run outside of
// synctest bubbles, and a context has channels.
func watchDrop[T any](ctx context.Context, f *Future[T], dropped func(name string, at *park.Place, maker []uintptr)) {
	maker := make([]uintptr, 16)
	maker = maker[:runtime.Callers(3, maker)] // from the caller of NewFuture
	at := park.PlaceOf(ctx)
	runtime.SetFinalizer(f, func(f *Future[T]) {
		if !f.IsDone() {
			dropped(f.name, at, maker)
		}
	})
}
