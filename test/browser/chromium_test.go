//go:build linux

package browser_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// patience is how long a page may take on a machine that does much else.
const patience = time.Minute

// tab is one tab of a Chromium with a profile of its own.
type tab struct {
	t   *testing.T
	ctx context.Context
}

// chromium starts one, with further flags.
func chromium(t *testing.T, flags ...chromedp.ExecAllocatorOption) tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("chromium"), chromedp.NoSandbox,
		chromedp.IgnoreCertErrors, // of the IdPs of tests, whose certificates nobody has signed
		chromedp.Flag("disable-features", "Translate,BackForwardCache"), // of a page from that cache the protocol says nothing
		chromedp.UserDataDir(t.TempDir()))
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), append(options, flags...)...)
	t.Cleanup(cancel)
	return tab{t, nil}.in(allocator)
}

func (b tab) in(parent context.Context) tab {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(parent)
	b.t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // without a deadline, which would be the browser's
		b.t.Fatalf("open a tab: %v", err)
	}
	return tab{b.t, ctx}
}

// another is a tab of the same browser.
func (b tab) another() tab { b.t.Helper(); return b.in(b.ctx) }

// do is what a person does.
func (b tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%s: %v\nat %s:\n%s", what, err, b.address(), b.text())
	}
}

func (b tab) open(address string) {
	b.t.Helper()
	b.do("open "+address, chromedp.Navigate(address))
}

// follow clicks on a link or a button with a text, and waits for the next page.
func (b tab) follow(text string) {
	b.t.Helper()
	at := `//*[self::a or self::button][contains(normalize-space(), '` + text + `')]`
	b.do("click on "+text, chromedp.WaitVisible(at), chromedp.Click(at))
}

// shows waits until a page shows a text.
func (b tab) shows(text string) {
	b.t.Helper()
	b.do("wait for "+text, chromedp.WaitVisible(`//body[contains(normalize-space(), '`+text+`')]`))
}

// fill types into the field with an id, in place of what is there.
func (b tab) fill(id, text string) {
	b.t.Helper()
	field := chromedp.ID(id)
	b.do("fill "+id, chromedp.WaitVisible(field), chromedp.Clear(field), chromedp.SendKeys(field, text))
}

func (b tab) back() { b.t.Helper(); b.do("go back", chromedp.NavigateBack()) }

// text is what the page shows.
func (b tab) text() string {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText`))
	if err != nil {
		return "no text: " + err.Error()
	}
	return text
}

func (b tab) address() string {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	address, err := chromedp.Run(ctx, chromedp.Location())
	if err != nil {
		return "no address: " + err.Error()
	}
	return address
}

// picture keeps what the page looks like in the folder $GATEHOUSE_PICTURES, for
// somebody to look at.
func (b tab) picture(name string) {
	b.t.Helper()
	folder := os.Getenv("GATEHOUSE_PICTURES")
	if folder == "" {
		return
	}
	b.do("set the size of the window", chromedp.EmulateViewport(900, 700))
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, strings.ReplaceAll(name, " ", "-")+".png"), png, 0o600); err != nil {
		b.t.Error(err)
	}
}

// dropCookies takes all cookies away.
func (b tab) dropCookies() {
	b.t.Helper()
	b.do("drop the cookies", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, network.ClearBrowserCookies, cdp.Empty{})
		return err
	}))
}
