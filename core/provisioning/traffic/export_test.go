package traffic

// AttributeForm reports whether a text looks like the path of an attribute.
var AttributeForm = attributeForm
