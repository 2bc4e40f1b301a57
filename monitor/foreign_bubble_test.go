package monitor

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/testkit"
)

// A cancelled context answers by receiving from its channel, and to do that from
// outside the channel's bubble ends the process. So who looks from there asks no
// context, and sees what was cancelled, and why, all the same.
func TestLookAtForeignBubble(t *testing.T) {
	testkit.Guard(t)
	look := make(chan chan string) // made outside, as is who answers
	defer close(look)
	go func() {
		for answer := range look {
			var b bytes.Buffer
			_ = Dump(&b)
			_ = scope.Snapshots()
			_ = running()
			answer <- b.String()
		}
	}()
	answer := make(chan string)
	fromOutside := func() string {
		look <- answer
		return <-answer
	}
	why := errors.New("why")
	linger := func(ctx context.Context) error {
		<-ctx.Done() // has the channel made here
		return scope.Shielded(ctx, time.Hour, func(ctx context.Context) error { return scope.Sleep(ctx, time.Minute) })
	}
	run := func(ctx context.Context, cancel func(s *scope.Scope, c *scope.Child), opts ...scope.Option) (text string) {
		s := scope.New(append(opts, scope.Name("foreign"), scope.MoveOn())...)
		_ = s.Run(ctx, func(ctx context.Context) error {
			c := scope.Go(ctx, linger, scope.Name("lingers"))
			return scope.Run(ctx, func(ctx context.Context) error {
				scope.Go(ctx, linger, scope.Name("inside"))
				synctest.Wait()
				cancel(s, c)
				synctest.Wait()
				text = fromOutside()
				s.Cancel(why) // if it was not
				return nil
			}, scope.Name("in"))
		})
		return text
	}
	for name, c := range map[string]struct {
		run  func() string
		want string
	}{
		"by itself": {func() string {
			return run(context.Background(), func(s *scope.Scope, _ *scope.Child) { s.Cancel(why) })
		}, "(explicit): why"},
		"by its deadline": {func() string {
			return run(context.Background(), func(*scope.Scope, *scope.Child) { time.Sleep(2 * time.Second) }, scope.Timeout(time.Second))
		}, "(deadline)"},
		"by a context around it": {func() string {
			ctx, cancel := context.WithCancelCause(context.Background())
			return run(ctx, func(*scope.Scope, *scope.Child) { cancel(why) })
		}, "(context): why"},
		"a task alone": {func() string {
			return run(context.Background(), func(_ *scope.Scope, c *scope.Child) { c.Cancel(why) })
		}, "lingers canceling"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				text := c.run()
				require.Contains(t, text, c.want)
				require.Contains(t, text, "lingers canceling")
				if name == "a task alone" {
					require.NotContains(t, text, "inside canceling")
				} else {
					require.Contains(t, text, "inside canceling")
				}
			})
		})
	}
}
