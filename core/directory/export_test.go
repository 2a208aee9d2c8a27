package directory

// Those is the statement that finds resources of a scope by their ids.
func Those(s Scope, ids []string) (text string, args []any) {
	var q statement
	q.text(`SELECT id`)
	(&batch{scope: s}).those(&q, ids)
	return q.String(), q.args
}
