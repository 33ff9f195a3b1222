// Package access says who a client is and which rooms it may use: it verifies tokens, and makes of each a Grant.
//
// A Grant is made once, when a client connects, and asked at each join and emit. It is data and knows no connection;
// Member is what a connection keeps of it. Names of rooms and users are compared byte by byte: nothing here folds case,
// normalises or trims, so that two names that differ in a byte are two rooms.
//
// Everything here may be used from many goroutines at once, save a Grant that is still being filled.
package access
