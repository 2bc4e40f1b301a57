package sync

import (
	"context"
	"fmt"

	"github.com/corral-go/corral/internal/park"
)

// A ResourceLock is a [Lock] for each key: whoever has the key a waits for
// nobody who has b. A key that nobody has or waits for takes no memory. The zero
// ResourceLock has no name and is ready to use. It must not be copied. All
// methods may be called from any goroutine. Who owns a key, and what happens if
// the owner ends without releasing it, is as for a Lock: that one key is broken
// for good. It is anyioutils' ResourceLock.
type ResourceLock[K comparable] struct {
	name string

	mu   park.Mutex // guards the rest; not held while a key's own lock is used
	keys map[K]*keyLock
	most int // keys there were since the map was made
}

// keyLock is the lock of one key.
type keyLock struct {
	Lock
	users int // who has the key, or waits for it; guarded by the ResourceLock's mu
}

// NewResourceLock returns one of which no key is taken.
func NewResourceLock[K comparable](opts ...Option) *ResourceLock[K] {
	return &ResourceLock[K]{name: nameOf(opts)}
}

// Acquire takes the key, waiting while somebody has it, and returns what
// [Lock.Acquire] does. It panics if ctx is nil or the key is not equal to
// itself, as a NaN.
func (r *ResourceLock[K]) Acquire(ctx context.Context, key K) error {
	mustHave(ctx, "ResourceLock.Acquire")
	var op park.Op
	err := op.Begin(ctx)
	if err == nil {
		err = r.acquire(&op, key)
	}
	if op.Traced() {
		endAcquire(&op, r, r.name, err)
	}
	return err
}

func (r *ResourceLock[K]) acquire(op *park.Op, key K) error {
	k := r.use(key)
	err := k.acquire(op, actor(op.Place()), k)
	if err != nil {
		r.leave(key, k)
	}
	return err
}

// use returns the lock of a key, which is kept until leave is called.
func (r *ResourceLock[K]) use(key K) *keyLock {
	if key != key { //nolint:gocritic,staticcheck // that is what a NaN is
		panic(fmt.Sprintf("sync: ResourceLock: the key %v is not equal to itself: nobody could release it", key))
	}
	r.mu.Lock()
	defer r.mu.Unlock() // a key that is an interface may not be hashable, which panics
	k := r.keys[key]
	if k == nil {
		k = new(keyLock)
		k.name = r.name
		if r.keys == nil {
			r.keys = make(map[K]*keyLock)
		}
		r.keys[key] = k
		r.most = max(r.most, len(r.keys))
	}
	k.users++
	return k
}

// used returns the lock of a key that is in use, or nil.
func (r *ResourceLock[K]) used(key K) *keyLock {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys[key]
}

// leave is the end of a use.
func (r *ResourceLock[K]) leave(key K, k *keyLock) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k.users--
	if k.users > 0 {
		return
	}
	delete(r.keys, key)
	r.shrinkLocked()
}

// shrinkLocked gives memory back: a map keeps what it once needed.
func (r *ResourceLock[K]) shrinkLocked() {
	const small = 64
	switch {
	case len(r.keys) == 0 && r.most > small:
		r.keys, r.most = nil, 0
	case r.most > small && len(r.keys) < r.most/8:
		keys := make(map[K]*keyLock, len(r.keys))
		for key, k := range r.keys {
			keys[key] = k
		}
		r.keys, r.most = keys, len(keys)
	}
}

// Release gives the key to who waits longest for it, or frees it, and returns
// what [Lock.Release] does: [ErrNotOwner] for a key that nobody has, too. It
// panics if ctx is nil.
func (r *ResourceLock[K]) Release(ctx context.Context, key K) error {
	mustHave(ctx, "ResourceLock.Release")
	k := r.used(key)
	if k == nil {
		return ErrNotOwner
	}
	err := k.release(ctx)
	if err == nil {
		r.leave(key, k)
	}
	return err
}

// Do calls fn while the caller has the key, and releases it when fn returns,
// panics or ends the goroutine. It returns the error of fn, or why the key could
// not be acquired. It panics if ctx or fn is nil.
func (r *ResourceLock[K]) Do(ctx context.Context, key K, fn func(ctx context.Context) error) (err error) {
	mustHave(ctx, "ResourceLock.Do")
	if fn == nil {
		panic("sync: ResourceLock.Do with a nil function: pass what to do")
	}
	if err := r.Acquire(ctx, key); err != nil {
		return err
	}
	defer func() {
		if lost := r.Release(ctx, key); err == nil {
			err = lost
		}
	}()
	return fn(ctx)
}

// Len returns how many keys somebody has, or waits for, now.
func (r *ResourceLock[K]) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.keys)
}

// Awaited names the lock and the key's owner in the live tree.
func (k *keyLock) Awaited(look park.Look) park.Mark { return k.mark(look, "resource.acquire") }
