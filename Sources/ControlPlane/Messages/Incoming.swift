import Admission
import Basics
import Directory
import HTTPTypes
import Hummingbird

/// A request for which a call was found.
struct Incoming: Sendable {
    let plane: ControlPlane
    var snapshot: Snapshot
    let head: HTTPRequest
    /// The values of the path's `{…}`, in order.
    let parameters: [String]
    let query: Members
    /// The members of the body; empty if the call has no body.
    var body = Members()
    /// The elements of a body that is an array.
    var elements: [JSONValue] = []

    /// The whole body; an object without members if the call has no body.
    var content: JSONValue { elements.isEmpty ? body.json : .array(elements) }

    var directory: Directory { plane.directory }

    /// Throws "not found" if the first parameter of the path is another company than the caller's.
    func checkOwnCompany(_ tenant: Tenant) throws(Fault) {
        guard parameters[0].hasSameBytes(as: tenant.id) else { throw .companyNotFound }
    }

    /// The event's uid, the first parameter of the path.
    func eventID() throws(Fault) -> String { try uuid(at: 0) }

    /// An id in the path. Throws "not found" if it is not a UUID.
    func uuid(at index: Int) throws(Fault) -> String {
        let id = parameters[index].lowercased()
        guard UUIDText.parse(id) != nil else { throw .notFound }
        return id
    }
}
