import Basics

/// What connections, requests and checks have found about one server, and until when it is therefore left out.
///
/// A value without a clock or I/O. ``UpstreamServer`` keeps it and shows its results to all event loops. All times are
/// in monotonic milliseconds.
struct ServerRecord {
    struct Rules: Sendable {
        /// After how many failures in a row a server is ejected. 0: never.
        var ejectAfter = 5
        /// How long the first time. Each further ejection that follows soon takes twice as long.
        var ejectTime: Int64 = 30_000
        var maxEjectTime: Int64 = 300_000
    }

    private let rules: Rules
    /// Why the server does not pass its checks. `nil` if it does, or if there are none.
    private(set) var checkFault: HealthFault?
    /// In a row. Failures while the server is left out do not count: they come from requests that were on their way.
    private(set) var failures = 0
    private(set) var lastFault: ServerFault?
    /// The server is left out before this time.
    private(set) var outUntil: Int64 = 0
    private(set) var isEjected = false
    /// Whether the server was ejected because it did not answer in time. It stays out until it does.
    private(set) var isUnresponsive = false
    /// When the server came or will come back. Its slow start begins then.
    private(set) var backAt = Int64.min / 2
    /// Until when the server counts as down, unless it answers or its checks say more.
    private var doubtedUntil = Int64.min
    /// Ejections with no more than `maxEjectTime` between them.
    private var ejections = 0
    private var ejectedUntil = Int64.min / 2
    /// How long the last one takes.
    private var ejectTime: Int64 = 0

    init(_ rules: Rules = Rules()) { self.rules = rules }

    /// How long the server is left out after a single failure to connect. Doubles with each in a row.
    private static let pause: Int64 = 500
    private static let maxPause: Int64 = 10_000
    /// How long a server counts as down that may be used again and is not: a backup, or one without requests. Longer
    /// than it takes to find out if there are requests.
    private static let doubt: Int64 = 60_000

    /// Until when the server counts as down, unless it answers.
    var downUntil: Int64 { checkFault != nil || isUnresponsive ? .max : doubtedUntil }

    /// Adds a failure.
    ///
    /// - Parameters:
    ///   - isTrial: whether the request was sent although the server was left out.
    ///   - mayEject: whether enough other servers are left. If not, a server that cannot be connected to or does not
    ///     answer is ejected all the same, since nothing is lost with it, but not for long: the gateway may have no
    ///     other, and is not ready meanwhile.
    /// - Returns: whether the server was ejected.
    mutating func failed(_ fault: ServerFault, isTrial: Bool = false, at now: Int64, mayEject: Bool) -> Bool {
        // It keeps nobody waiting any more.
        if isTrial, !fault.isSilence { isUnresponsive = false }
        guard now >= outUntil, checkFault == nil else { return false }
        failures += 1
        lastFault = fault
        if rules.ejectAfter > 0, failures >= rules.ejectAfter, mayEject || fault.isConnect || fault.isSilence {
            isUnresponsive = fault.isSilence
            eject(at: now, isLast: !mayEject)
            return true
        }
        if fault.isConnect {
            outUntil = now + min(Self.pause << Int64(min(failures - 1, 8)), Self.maxPause)
            doubtedUntil = outUntil + Self.doubt
        }
        return false
    }

    private mutating func eject(at now: Int64, isLast: Bool) {
        ejections = now - ejectedUntil > rules.maxEjectTime ? 1 : ejections + 1
        ejectTime = min(rules.ejectTime << Int64(min(ejections - 1, 20)), rules.maxEjectTime)
        if isLast { ejectTime = min(ejectTime, Self.maxPause) }
        ejectedUntil = now + ejectTime
        (outUntil, backAt) = (ejectedUntil, ejectedUntil)
        doubtedUntil = outUntil + Self.doubt
        isEjected = true
    }

    /// Adds an answer.
    ///
    /// - Parameter isTrial: whether the request was sent although the server was left out. Other answers that come then
    ///   are to requests from before.
    mutating func succeeded(at now: Int64, isTrial: Bool) {
        guard failures > 0, !isEjected || isTrial || (now >= outUntil && !isUnresponsive) else { return }
        if isEjected, isUnresponsive || now < outUntil { comeBack(at: now) }
        failures = 0
        isEjected = false
        isUnresponsive = false
        outUntil = min(outUntil, now)
        doubtedUntil = .min
    }

    /// Adds what the checks have decided anew.
    ///
    /// - Parameter fault: `nil` if the server is well.
    mutating func checked(_ fault: HealthFault?, at now: Int64) {
        let wasOut = checkFault != nil || isEjected
        checkFault = fault
        guard fault == nil else { return }
        if wasOut { comeBack(at: now) }
        failures = 0
        isEjected = false
        isUnresponsive = false
        outUntil = min(outUntil, now)
        doubtedUntil = .min
    }

    private mutating func comeBack(at now: Int64) {
        backAt = now
        ejectedUntil = min(ejectedUntil, now)
    }

    /// Why the server is down, for the log.
    var reason: String {
        if let checkFault { return "health check: \(checkFault)" }
        let fault = lastFault?.description ?? "connect_failed"
        guard isEjected else { return fault }
        let count = failures == 1 ? "1 failure" : "\(failures) failures in a row"
        return "\(fault), \(count): ejected for \(ejectTime / 1000) s"
    }
}

/// What a server did wrong.
enum ServerFault: Equatable, Sendable, CustomStringConvertible {
    case connect(ConnectFault)
    /// It took the request and gave no answer that can be forwarded.
    case answer(UpstreamFault)
    case status(Int)

    var isConnect: Bool {
        if case .connect = self { true } else { false }
    }

    /// Whether the server kept a client waiting in vain.
    var isSilence: Bool { self == .connect(.timeout) || self == .answer(.timeout) }

    /// For the log.
    var description: String {
        switch self {
        case .connect(let fault): fault.rawValue
        case .answer(let fault): fault.code
        case .status(let status): "status \(status)"
        }
    }
}

extension HealthFault {
    /// Whether the server kept the check waiting in vain.
    var isSilence: Bool {
        switch self {
        case .inquiry(.timeout), .inquiry(.connect(.timeout)): true
        case .inquiry, .status: false
        }
    }
}
