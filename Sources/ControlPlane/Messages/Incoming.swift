import Admission
import Directory
import HTTPTypes
import Hummingbird

/// A request that has found its call.
struct Incoming: Sendable {
    let plane: ControlPlane
    let snapshot: Snapshot
    let head: HTTPRequest
    /// What the path's `{…}` stand for, in order.
    let parameters: [String]
    let query: Members
    /// The members of the body; none where the call has no body.
    var body = Members()

    var directory: Directory { plane.directory }

    /// The event's uid that the path begins with.
    func eventID() throws(Fault) -> String { try uuid(at: 0) }

    /// An id of ours in the path; what is no such id does not exist.
    func uuid(at index: Int) throws(Fault) -> String {
        let id = parameters[index].lowercased()
        guard UUIDText.parse(id) != nil else { throw .notFound }
        return id
    }
}
