package directory

// Query asks for resources of one type, or of one by id.
type Query struct {
	Type   Type
	ID     string  // only this one; "" is all
	Filter *Filter // nil is all

	// Sort is the attribute that they are sorted by, those without it last when
	// ascending (RFC 7644 §3.4.2.3). Without it they come in the order in which
	// they were made, which changes for nobody.
	Sort       Path
	SortExact  bool // the case of letters counts
	Descending bool

	// Start is how many to leave out before the page. Cursor, which an earlier
	// Page gave, begins where that ended, and costs the same everywhere. Limit is
	// how many the page has, at most PageLimit; 0 asks for Total alone.
	Start  int
	Cursor string
	Limit  int

	// What is not asked for is not read: the attributes, so many members of each
	// group, the groups of each user.
	Attributes bool
	Members    int
	Groups     bool
}

// Page is a part of what a Query found.
type Page struct {
	Resources []Resource
	Total     int    // that the filter holds for, on all pages
	Next      string // the cursor of the next page; "" is the end
	Previous  string // the cursor of the page before; "" is the beginning
}
