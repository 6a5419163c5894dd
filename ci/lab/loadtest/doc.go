// Package loadtest sends requests to a server at a constant rate and records what
// becomes of each, so that a test or a measurement can say how many a deploy failed.
//
// The load is open: requests start when they are due, whether the server has answered
// the earlier ones or not, and latency counts from that moment. A server that stands
// still for a second fails no request, and shows as a second of latency in each that
// was due in it.
//
// A request fails when it cannot connect, when the connection ends before the whole
// answer is there, when the answer takes longer than Load.Timeout, has a status of 400
// or more, or lacks what Kind.Want names. One that went out on a connection kept alive,
// which the server had closed before it sent anything, is sent again on another, as
// browsers do; Request.Sent tells.
//
// Event streams are open all the time beside the rate. Each opening is a request. A stream
// that the server ends in order (the last chunk of its answer arrives) counts as answered.
// The client opens the next one at once, or a second later when the stream was open for
// less than that. It is a request like any other: a server that ends its streams in order
// and does not take new ones fails. A stream that is cut otherwise fails, and so does one
// that is silent for Load.Timeout. One that is still open when the load stops counts as
// answered.
package loadtest
