package samlidp

import (
	"html/template"
	"net/http"
)

// loginPage lists the people.
const loginPage = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Sign on</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 34rem; margin: 3rem auto; padding: 0 1rem; color: #1c2733; background: #f6f7f9 }
div { background: #fff; border: 1px solid #d9dee4; border-radius: 8px; padding: 1rem; margin: 0 0 1rem }
h1 { font-size: 1.3rem } small { color: #5b6875; display: block } label { display: block }
button { font: inherit; padding: .35rem .9rem; border: 1px solid #2b5c9e; border-radius: 6px; background: #2b5c9e; color: #fff; cursor: pointer }
</style></head><body>
<h1>Who are you?</h1>
<p><small>You are signing on to {{.Asked.Service}}. This provider is for tests: nobody has a password.</small></p>
<form method="post" action="{{.Action}}">
<input type="hidden" name="service" value="{{.Asked.Service}}"><input type="hidden" name="id" value="{{.Asked.ID}}"><input type="hidden" name="relay" value="{{.Asked.Relay}}">
{{range .People}}<div><button name="person" value="{{.NameID}}">{{.GivenName}} {{.FamilyName}}</button><small>{{.NameID}}{{if .MultiFactor}} &middot; with two factors{{end}}{{range .Groups}} &middot; {{.}}{{end}}</small></div>
{{end}}<label>Misbehave: <select name="mischief"><option value="">not at all</option>{{range .Mischief}}<option{{if eq . $.Now}} selected{{end}}>{{.}}</option>{{end}}</select></label>
</form></body></html>
`

// forwardPage posts a form by itself, or with a click.
const forwardPage = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Going on</title></head><body onload="document.forms[0].submit()">
<form method="post" action="{{.Action}}"><input type="hidden" name="{{.Name}}" value="{{.Value}}">{{if .Relay}}<input type="hidden" name="RelayState" value="{{.Relay}}">{{end}}
<button>Go on</button></form></body></html>
`

const saidPage = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{.}}</title></head><body><p>{{.}}</p></body></html>
`

func (i *Provider) page(w http.ResponseWriter, a asked) {
	show(w, http.StatusOK, loginPage, map[string]any{"Asked": a, "Action": i.options.URL + "/choose", "People": i.options.People, "Mischief": Mischief(), "Now": i.Misbehaves()})
}

func forward(w http.ResponseWriter, action, name, value, relay string) {
	show(w, http.StatusOK, forwardPage, map[string]any{"Action": action, "Name": name, "Value": value, "Relay": relay})
}

func refuse(w http.ResponseWriter, err error) { show(w, http.StatusForbidden, saidPage, err.Error()) }

func show(w http.ResponseWriter, status int, text string, with any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = template.Must(template.New("page").Parse(text)).Execute(w, with) // what fails is the browser that has gone
}
