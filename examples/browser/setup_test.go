package browser

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

const axeVersion = "4.14.1"

// need fails where everything has to run, and skips elsewhere.
func need(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s: %v", what, err)
	}
	t.Skipf("SKIPPED, the page is not tested: %s: %v", what, err)
}

// aptGet installs a Debian package, if that is how this machine works.
func aptGet(pkg string) error {
	if os.Getenv("CI") != "true" {
		return errors.New("it is not there, and only CI installs it (CI=true)")
	}
	for _, args := range [][]string{{"update", "-qq"}, {"install", "-y", "-qq", "--no-install-recommends", pkg}} {
		cmd := exec.Command("apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", args[0], err, out)
		}
	}
	return nil
}

var chromium = sync.OnceValues(func() (string, error) {
	find := func() (string, error) {
		for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome", "headless-shell"} {
			if path, err := exec.LookPath(name); name != "" && err == nil {
				return path, nil
			}
		}
		return "", errors.New("there is no Chromium on the PATH")
	}
	if path, err := find(); err == nil {
		return path, nil
	}
	if err := aptGet("chromium"); err != nil {
		return "", err
	}
	return find()
})

// axe returns the source of axe-core, which npm fetches once.
var axe = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "corral-browser-test")
	tgz := filepath.Join(dir, "axe-core-"+axeVersion+".tgz")
	if _, err := os.Stat(tgz); err != nil {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
		if _, err := exec.LookPath("npm"); err != nil {
			if err := aptGet("npm"); err != nil {
				return "", err
			}
		}
		cmd := exec.Command("npm", "pack", "--silent", "axe-core@"+axeVersion)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("npm pack axe-core: %w\n%s", err, out)
		}
	}
	return unpack(tgz, "package/axe.min.js")
})

// unpack returns one file of a .tgz.
func unpack(tgz, name string) (string, error) {
	f, err := os.Open(tgz)
	if err != nil {
		return "", err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return "", err
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err != nil {
			return "", fmt.Errorf("%s in %s: %w", name, tgz, err)
		}
		if h.Name == name {
			b, err := io.ReadAll(r)
			return string(b), err
		}
	}
}

// browser is started by the first test that needs it, for all of them.
var browser struct {
	sync.Mutex
	ctx   context.Context
	close func()
}

func TestMain(m *testing.M) {
	code := m.Run()
	if browser.close != nil {
		browser.close()
	}
	os.Exit(code)
}

// start returns the ctx of the browser.
func start(t *testing.T) context.Context {
	t.Helper()
	path, err := chromium()
	need(t, "chromium", err)
	browser.Lock()
	defer browser.Unlock()
	if browser.ctx != nil {
		return browser.ctx
	}
	dir, err := os.MkdirTemp("", "corral-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	opts := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path), chromedp.UserDataDir(dir), chromedp.WindowSize(1400, 860)}
	for _, f := range []string{
		"headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "no-default-browser-check", "disable-background-networking",
		"disable-component-update", "disable-sync", "disable-extensions", "disable-dev-shm-usage", "hide-scrollbars=false",
	} {
		name, _, _ := strings.Cut(f, "=")
		opts = append(opts, chromedp.Flag(name, !strings.Contains(f, "=")))
	}
	alloc, stopAlloc := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, stop := chromedp.NewContext(alloc)
	err = chromedp.Do(ctx)
	if err != nil {
		stop()
		stopAlloc()
		os.RemoveAll(dir)
		need(t, "starting chromium", err)
	}
	browser.ctx = ctx
	browser.close = func() { stop(); stopAlloc(); os.RemoveAll(dir) }
	return ctx
}
