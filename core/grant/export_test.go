package grant

// AsUser is what mappings read of a user.
var AsUser = asUser

// Lasting is the statement that looks for who has a role.
const Lasting = lasting
