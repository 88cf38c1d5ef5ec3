/// What was read from one request's head, as ranges into its bytes.
///
/// A worker has one and reads each request into it, so that reading allocates nothing. Everything else sees it through a
/// `RequestView`.
final class RequestParts {
    var head: RequestHead
    /// The table of the head's fields.
    let block: FieldBlock
    var target = RequestTarget()
    /// The gateway's own members of the query.
    var query = QueryMembers()
    /// The gateway's own members of the query in the `Referer`.
    var referer = QueryMembers()
    var cookies = SessionCookies()

    convenience init() { self.init(RequestHead()) }

    /// A copy of the head. What was found in its target and fields must be found again.
    convenience init(headOf other: RequestParts) { self.init(other.head.copied()) }

    private init(_ head: RequestHead) {
        self.head = head
        block = head.block
    }
}
