import Admission

/// An action of a holder, or an event that affects all of them.
enum Step: Equatable, Sendable {
    /// A request with the session that the holder has, if it has one.
    case request(Int)
    /// The user's POST.
    case takeOver(Int)
    case leave(Int)
    /// Half an idle timeout passes.
    case wait
    /// More than an idle timeout passes.
    case idle
    case sweep
    case restart

    static func all(holders: Int) -> [Step] {
        (0..<holders).flatMap { [.request($0), .takeOver($0), .leave($0)] } + [.wait, .idle, .sweep, .restart]
    }
}

/// The expected result of a request.
enum Outcome: Equatable {
    /// Admitted with the n-th session; `replaced` is the one that lost the lease.
    case new(Int, replaced: Int?)
    case same(Int, replaced: Int?)
    case refused(Refusal)
}

/// The lease rules for one registration. Sessions are numbers in the order in which they joined.
///
/// Written independently of the table, without clocks, tags or slots, so that the two can be compared.
struct LeaseModel {
    let rule: SecondJoin
    var made = 0
    /// Each holder's session.
    var sessions: [Int?]
    /// The session that the table remembers, and whether it is still active.
    var remembered: (session: Int, isActive: Bool)?
    /// Half idle timeouts since the remembered session was last used, and since the start.
    var quiet = 0
    var sinceStart = 0
    /// The number of sessions made before the last start.
    var madeBefore = 0

    init(rule: SecondJoin, holders: Int) {
        self.rule = rule
        sessions = Array(repeating: nil, count: holders)
    }

    mutating func pass(halves: Int) {
        quiet += halves
        sinceStart += halves
        if quiet >= 2 { remembered = nil }
    }

    mutating func restart() {
        remembered = nil
        sinceStart = 0
        madeBefore = made
    }

    /// Returns whether the holder was the active one.
    mutating func leave(_ holder: Int) -> Bool {
        guard let session = sessions[holder], let active, active == session else { return false }
        remembered = (session, false)
        quiet = 0
        return true
    }

    var active: Int? { remembered?.isActive == true ? remembered?.session : nil }

    mutating func request(_ holder: Int, isTakeOver: Bool) -> Outcome {
        guard let session = sessions[holder] else { return join(holder, isTakeOver: isTakeOver) }
        // A session that the table knows is always accepted.
        if remembered?.session == session { return hold(session, replacing: nil) }
        // A take-over by a holder without a session is a join.
        if isTakeOver { return join(holder, isTakeOver: true) }
        switch rule {
        case .takeOver, .ask:
            if let remembered, remembered.session > session { return .refused(.sessionReplaced) }
            return hold(session, replacing: active)
        case .refuse:
            guard let active else { return hold(session, replacing: nil) }
            let isOfBefore = session < madeBefore && sinceStart < 2
            return isOfBefore && session < active ? hold(session, replacing: active) : .refused(.alreadyActive)
        }
    }

    private mutating func hold(_ session: Int, replacing replaced: Int?) -> Outcome {
        remembered = (session, true)
        quiet = 0
        return .same(session, replaced: replaced)
    }

    private mutating func join(_ holder: Int, isTakeOver: Bool) -> Outcome {
        let replaced = active
        if replaced != nil && (rule == .refuse || (rule == .ask && !isTakeOver)) { return .refused(.alreadyActive) }
        let session = made
        made += 1
        sessions[holder] = session
        remembered = (session, true)
        quiet = 0
        return .new(session, replaced: replaced)
    }
}
