package admin

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// ApplyConfig makes files the configuration in force of a host that runs. If
// they are wrong nothing changes, and the error is an *Error with a Report. If they
// would change something else than the plan says, it is a Problem (Changed), and if
// a protected role would have no active holder any more, one (Conflict).
func (h *Host) ApplyConfig(ctx context.Context, n NewConfig) (applied AppliedConfig, err error) {
	ctx, cancel := context.WithTimeout(ctx, applyLimit)
	defer cancel()
	slow := *h
	slow.http = h.patient()
	err = slow.call(ctx, http.MethodPost, "/config/apply", n, &applied)
	return applied, err
}

// ConfigRevisions lists revisions, the newest first: those after the Next of the
// page before, at most limit; both may be missing.
func (h *Host) ConfigRevisions(ctx context.Context, after string, limit int) (page RevisionPage, err error) {
	query := url.Values{}
	if after != "" {
		query.Set("after", after)
	}
	if limit != 0 {
		query.Set("limit", strconv.Itoa(limit))
	}
	err = h.call(ctx, http.MethodGet, "/config/revisions?"+query.Encode(), nil, &page)
	return page, err
}

// ConfigRevision returns a revision with its files.
func (h *Host) ConfigRevision(ctx context.Context, number int64) (detail RevisionDetail, err error) {
	err = h.call(ctx, http.MethodGet, "/config/revisions/"+strconv.FormatInt(number, 10), nil, &detail)
	return detail, err
}

// Clients lists clients by id.
func (h *Host) Clients(ctx context.Context, q ClientQuery) (page ClientPage, err error) {
	query := url.Values{}
	if q.Organization != "" {
		query.Set("organization", q.Organization)
	}
	if q.After != "" {
		query.Set("after", q.After)
	}
	if q.Limit != 0 {
		query.Set("limit", strconv.Itoa(q.Limit))
	}
	err = h.call(ctx, http.MethodGet, "/clients?"+query.Encode(), nil, &page)
	return page, err
}

// CreateClient makes a client and its first key. If only the key could not be
// made, the error says so, and the client is there.
func (h *Host) CreateClient(ctx context.Context, n NewClient) (issued Issued, err error) {
	err = h.call(ctx, http.MethodPost, "/clients", n, &issued)
	return issued, err
}

// Client returns a client with its roles and keys.
func (h *Host) Client(ctx context.Context, id string) (detail ClientDetail, err error) {
	err = h.with(ctx, http.MethodGet, "/clients/", id, "", nil, &detail)
	return detail, err
}

// UpdateClient changes a client that was made at run time, if it is still at the
// version that was read; AnyVersion changes whatever is there. The error is a
// Problem (Conflict) if it is at another, or declared in a file.
func (h *Host) UpdateClient(ctx context.Context, id string, version int64, c ClientChange) (client Client, err error) {
	segment, err := element(id)
	if err != nil {
		return Client{}, err
	}
	match := "*"
	if version != AnyVersion {
		match = strconv.Quote(strconv.FormatInt(version, 10))
	}
	header := http.Header{"If-Match": {match}, "Content-Type": {"application/merge-patch+json"}}
	err = h.send(ctx, http.MethodPatch, "/clients/"+segment, header, c, &client)
	return client, err
}

// CreateKey makes a further key of a client. It can have two live ones.
func (h *Host) CreateKey(ctx context.Context, client string, n NewKey) (issued Issued, err error) {
	err = h.with(ctx, http.MethodPost, "/clients/", client, "/keys", n, &issued)
	return issued, err
}

// RotateKey makes a new key of a client, and ends the one in use after the
// overlap.
func (h *Host) RotateKey(ctx context.Context, client string, r Rotation) (issued Issued, err error) {
	err = h.with(ctx, http.MethodPost, "/clients/", client, "/rotate", r, &issued)
	return issued, err
}

// ImportKeys imports keys that another system has made: all, or none. If some
// are wrong the error is an *Error with their Mistakes.
func (h *Host) ImportKeys(ctx context.Context, n KeyImport) (imported ImportedKeys, err error) {
	err = h.call(ctx, http.MethodPost, "/keys/import", n, &imported)
	return imported, err
}

// RevokeKey ends a key for good, with the next request. One that is revoked
// already stays as it was.
func (h *Host) RevokeKey(ctx context.Context, key string, r Revocation) (revoked Key, err error) {
	err = h.with(ctx, http.MethodPost, "/keys/", key, "/revoke", r, &revoked)
	return revoked, err
}

// RevokeCredential refuses a credential without a record from now on.
func (h *Host) RevokeCredential(ctx context.Context, r CredentialRevocation) error {
	return h.call(ctx, http.MethodPost, "/revocations", r, nil)
}

// Tokens lists all tokens of the admin API, newest first.
func (h *Host) Tokens(ctx context.Context) (list []Token, err error) {
	for path := "/admin-tokens"; ; {
		var page TokenList
		if err := h.call(ctx, http.MethodGet, path, nil, &page); err != nil {
			return nil, err
		}
		list = append(list, page.Tokens...)
		if page.Next == "" {
			return list, nil
		}
		path = "/admin-tokens?" + url.Values{"after": {page.Next}}.Encode()
	}
}

// CreateToken makes a token of the admin API. Nobody can make one that may do
// what they may not.
func (h *Host) CreateToken(ctx context.Context, n NewToken) (issued IssuedToken, err error) {
	err = h.call(ctx, http.MethodPost, "/admin-tokens", n, &issued)
	return issued, err
}

// RevokeToken ends a token at once.
func (h *Host) RevokeToken(ctx context.Context, id string) (revoked Token, err error) {
	err = h.with(ctx, http.MethodPost, "/admin-tokens/", id, "/revoke", Empty{}, &revoked)
	return revoked, err
}

// Plugins lists all plugin processes by name.
func (h *Host) Plugins(ctx context.Context) (list []Plugin, err error) {
	for path := "/plugins"; ; {
		var page PluginList
		if err := h.call(ctx, http.MethodGet, path, nil, &page); err != nil {
			return nil, err
		}
		list = append(list, page.Plugins...)
		if page.Next == "" {
			return list, nil
		}
		path = "/plugins?" + url.Values{"after": {page.Next}}.Encode()
	}
}

// Status says how the host is.
func (h *Host) Status(ctx context.Context) (s Status, err error) {
	err = h.call(ctx, http.MethodGet, "/status", nil, &s)
	return s, err
}

// with calls a path that has an id in it.
func (h *Host) with(ctx context.Context, method, before, id, after string, in, out any) error {
	segment, err := element(id)
	if err != nil {
		return err
	}
	return h.call(ctx, method, before+segment+after, in, out)
}
