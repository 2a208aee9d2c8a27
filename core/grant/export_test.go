package grant

// AsUser is what mappings read of a user.
var AsUser = asUser
