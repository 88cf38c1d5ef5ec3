import Admission
import Basics

/// The claims that wait to be sent to the shared table, and whether it can be asked.
///
/// Pure. While the table is away nothing waits: whoever asks is refused, and decides without it.
struct LeaseQueue {
    /// A claim, and when it fails unless it is answered.
    struct Waiting {
        let request: LeaseRequest
        let deadline: Milliseconds
    }

    /// How far this node is connected to the table.
    enum Link {
        /// It would not hear of leases that it loses, and must not claim any.
        case deaf
        /// It hears, and has no connection for claims.
        case listening
        case open
        /// It was closed.
        case over
    }

    /// What the thread that claims does next.
    enum Step {
        case connect
        /// One statement each.
        case claim([Waiting])
        /// One statement for all.
        case renew([Waiting])
        /// Fail these: there is too little time left for an answer.
        case refuse([Waiting])
        case rest
        case end
    }

    /// How many claims, and how many renewals, may wait.
    static let limit = 65_536
    /// Few enough that those that come next do not wait for long.
    static let claimsAtOnce = 256
    static let renewalsAtOnce = 5000

    private(set) var link = Link.deaf
    private var claims: ArraySlice<Waiting> = []
    private var renewals: ArraySlice<Waiting> = []
    /// Neither keeps the other waiting for more than one step.
    private var isTurnOfRenewals = false
    private let patience: Milliseconds

    /// - Parameter patience: how long a claim waits for its answer.
    init(patience: Milliseconds) { self.patience = patience }

    /// Adds claims. Those of one call that only renew what their sessions hold are sent together.
    ///
    /// - Returns: those that are refused.
    mutating func add(_ requests: [LeaseRequest], at now: Milliseconds) -> [LeaseRequest] {
        guard link == .open else { return requests }
        var refused: [LeaseRequest] = []
        let isSingle = requests.count == 1
        for request in requests {
            let waiting = Waiting(request: request, deadline: now + patience)
            if !isSingle, request.isRenewal, renewals.count < Self.limit {
                renewals.append(waiting)
            } else if isSingle || !request.isRenewal, claims.count < Self.limit {
                claims.append(waiting)
            } else {
                refused.append(request)
            }
        }
        return refused
    }

    /// Puts claims back that are to be sent once more.
    ///
    /// - Returns: those that are refused.
    mutating func putBack(_ waiting: [Waiting]) -> [LeaseRequest] {
        guard link == .open else { return waiting.map(\.request) }
        claims = waiting + claims
        return []
    }

    mutating func next(at now: Milliseconds) -> Step {
        switch link {
        case .over: return .end
        case .deaf: return .rest
        case .listening: return .connect
        case .open: break
        }
        let start = now + patience / 4
        let late = Self.take(from: &claims) { $0.deadline < start } + Self.take(from: &renewals) { $0.deadline < start }
        if !late.isEmpty { return .refuse(late) }
        let renews = !renewals.isEmpty && (isTurnOfRenewals || claims.isEmpty)
        isTurnOfRenewals = !renews
        if renews { return .renew(Self.take(Self.renewalsAtOnce, from: &renewals)) }
        return claims.isEmpty ? .rest : .claim(Self.take(Self.claimsAtOnce, from: &claims))
    }

    /// This node hears again of leases that it loses.
    mutating func didListen() { if link == .deaf { link = .listening } }

    /// Claims can be sent.
    mutating func didConnect() { if link == .listening { link = .open } }

    /// The connection for claims is lost. Returns what waited for it.
    mutating func didDisconnect() -> [LeaseRequest] { fall(to: link == .deaf ? .deaf : .listening) }

    /// The connection that listens is lost. Returns what waited.
    mutating func didGoDeaf() -> [LeaseRequest] { fall(to: .deaf) }

    /// Ends everything. Returns what waited.
    mutating func end() -> [LeaseRequest] { fall(to: .over) }

    private mutating func fall(to link: Link) -> [LeaseRequest] {
        if self.link != .over { self.link = link }
        defer { (claims, renewals) = ([], []) }
        return (claims + renewals).map(\.request)
    }

    private static func take(_ count: Int, from list: inout ArraySlice<Waiting>) -> [Waiting] {
        defer { list = list.dropFirst(count) }
        return Array(list.prefix(count))
    }

    /// Takes those at the beginning that fit. Deadlines never fall.
    private static func take(from list: inout ArraySlice<Waiting>, while fits: (Waiting) -> Bool) -> [Waiting] {
        let found = Array(list.prefix(while: fits))
        list = list.dropFirst(found.count)
        return found
    }
}

extension LeaseRequest {
    /// Whether it prolongs what its session is known to hold.
    fileprivate var isRenewal: Bool { claim.state == .held && claim.basis?.session == claim.session }
}
