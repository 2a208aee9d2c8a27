package samlidp

import (
	"html/template"
	"net/http"
)

// loginPage lists the people.
const loginPage = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Sign on</title></head><body>
<h1>Who are you?</h1>
<p>You are signing on to {{.Asked.Service}}. This is an identity provider for tests: it believes you.</p>
<form method="post" action="{{.Action}}">
<input type="hidden" name="service" value="{{.Asked.Service}}"><input type="hidden" name="id" value="{{.Asked.ID}}"><input type="hidden" name="relay" value="{{.Asked.Relay}}">
<ul>{{range .People}}<li><button name="person" value="{{.NameID}}">{{.GivenName}} {{.FamilyName}} ({{.NameID}})</button>{{if .MultiFactor}} with two factors{{end}}{{range .Groups}}, {{.}}{{end}}</li>
{{end}}</ul>
<label>Mischief: <select name="mischief"><option value="">none</option>{{range .Mischief}}<option>{{.}}</option>{{end}}</select></label>
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
	show(w, http.StatusOK, loginPage, map[string]any{"Asked": a, "Action": i.options.URL + "/choose", "People": i.options.People, "Mischief": Mischief()})
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
