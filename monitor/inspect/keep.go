package inspect

import (
	"context"
	"errors"
	"sync"
	"time"
)

// fresh is how long an answer is good for everybody who asks for the same.
const fresh = 500 * time.Millisecond

// keeper makes things once for all who ask for them at about the same time, and
// forgets them when they are not fresh any more: when nobody looks it is empty.
type keeper[T any] struct {
	most int

	mu   sync.Mutex // guards kept; nothing is made under it
	kept map[string]*kept[T]
}

type kept[T any] struct {
	made  chan struct{} // closed when what follows is there
	ok    bool          // or making it has panicked
	value T
}

var (
	errFull   = errors.New("too many different questions at once: ask again")
	errFailed = errors.New("internal error: it could not be made")
)

// get returns what make made, for the same key, not longer ago than until it says
// it is fresh. make runs at most once at a time for a key. It fails when there
// would be too much to keep, and when ctx ends while somebody else makes it.
func (k *keeper[T]) get(ctx context.Context, key string, produce func() (v T, until time.Time)) (v T, err error) {
	k.mu.Lock()
	e, there := k.kept[key]
	if !there {
		if len(k.kept) == k.most {
			k.mu.Unlock()
			return v, errFull
		}
		if k.kept == nil {
			k.kept = map[string]*kept[T]{}
		}
		e = &kept[T]{made: make(chan struct{})}
		k.kept[key] = e
	}
	k.mu.Unlock()
	if !there {
		k.fill(key, e, produce)
	}
	select {
	case <-e.made:
	case <-ctx.Done():
		return v, ctx.Err()
	}
	if !e.ok {
		return v, errFailed
	}
	return e.value, nil
}

func (k *keeper[T]) fill(key string, e *kept[T], produce func() (T, time.Time)) {
	until := time.Time{}
	defer func() {
		close(e.made)
		if left := time.Until(until); left > 0 {
			time.AfterFunc(left, func() { k.forget(key) })
		} else {
			k.forget(key)
		}
	}()
	e.value, until = produce()
	e.ok = true
}

func (k *keeper[T]) forget(key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.kept, key)
	if len(k.kept) == 0 {
		k.kept = nil // maps do not shrink
	}
}
