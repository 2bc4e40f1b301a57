package inspect

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/testkit"
)

// Ten that ask for the same, at once or within half a second, cost what one does;
// then it is made anew, and when nobody asks nothing is kept.
func TestKeeperSharesAndForgets(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		k := keeper[int]{most: 2}
		made := 0
		produce := func() (int, time.Time) {
			made++
			n := made
			until := time.Now().Add(fresh)
			time.Sleep(100 * time.Millisecond)
			return n, until
		}
		ask := func(want int) {
			got, err := k.get(context.Background(), "a", produce)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 40 * time.Millisecond)
				ask(1)
			})
		}
		all.Wait()
		require.Equal(t, 1, made)
		time.Sleep(fresh)
		synctest.Wait()
		require.Nil(t, k.kept, "nothing is kept")
		ask(2)
		time.Sleep(fresh - 100*time.Millisecond - 1)
		ask(2)
		time.Sleep(1)
		synctest.Wait()
		ask(3)
		time.Sleep(fresh)
	})
}

func TestKeeperLimits(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		k := keeper[int]{most: 2}
		produce := func() (int, time.Time) { return 1, time.Now().Add(fresh) }
		for i := range 2 {
			_, err := k.get(context.Background(), fmt.Sprint(i), produce)
			require.NoError(t, err)
		}
		_, err := k.get(context.Background(), "3", produce)
		require.ErrorIs(t, err, errFull)
		_, err = k.get(context.Background(), "1", produce)
		require.NoError(t, err, "what is there is given")
		time.Sleep(fresh)
		synctest.Wait()
		_, err = k.get(context.Background(), "3", produce)
		require.NoError(t, err)
		time.Sleep(fresh)
	})
}

// Who gives up leaves the others alone; if making it panics, nobody hangs.
func TestKeeperFailure(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		k := keeper[int]{most: 2}
		var all sync.WaitGroup
		all.Go(func() {
			require.PanicsWithValue(t, "broken", func() {
				_, _ = k.get(context.Background(), "a", func() (int, time.Time) {
					time.Sleep(time.Second)
					panic("broken")
				})
			})
		})
		never := func() (int, time.Time) { panic("made twice") }
		all.Go(func() {
			time.Sleep(time.Millisecond)
			_, err := k.get(context.Background(), "a", never)
			require.ErrorIs(t, err, errFailed)
		})
		ctx, cancel := context.WithCancelCause(context.Background())
		all.Go(func() {
			time.Sleep(time.Millisecond)
			_, err := k.get(ctx, "a", never)
			require.ErrorIs(t, err, context.Canceled)
		})
		time.Sleep(10 * time.Millisecond)
		cancel(errors.New("went away"))
		all.Wait()
		require.Nil(t, k.kept)
	})
}
