public import Basics
import CLinux
import Synchronization

/// Resolves host names on its own threads, since the system's call blocks for as long as a name server stays silent.
public final class Resolver: Sendable {
    public enum Outcome: Sendable, Equatable {
        /// At least one address, in the order in which to try them.
        case found([NetworkAddress])
        /// The system's error text.
        case failed(String)
    }

    private typealias Completion = @Sendable (Outcome) -> Void

    private struct Question: Hashable {
        let host: [UInt8]
        let port: UInt16
    }

    /// A silent name server blocks one thread per name. Beyond this number, names wait for each other.
    private static let maxThreads = 8

    /// The callers waiting for the answer to each question.
    private let waiting = Locked<[Question: [Completion]]>([:])
    private let threads = BlockingThreads(name: "resolver", limit: maxThreads)
    private let lookUp: @Sendable (String, UInt16) -> Outcome

    /// - Parameter lookUp: blocks until it has the answer.
    public init(lookUp: @escaping @Sendable (String, UInt16) -> Outcome = Resolver.askSystem) {
        self.lookUp = lookUp
    }

    /// Finds the addresses of `host`, which is a name or an address. Equal questions are resolved once.
    ///
    /// - Parameter completion: called on the loop of `mailbox`, unless that loop has ended.
    public func resolve(
        _ host: String,
        port: UInt16,
        for mailbox: Mailbox,
        completion: @escaping @Sendable (Outcome, EventLoop) -> Void
    ) {
        let deliver: Completion = { outcome in mailbox.post { loop in completion(outcome, loop) } }
        if let address = NetworkAddress(ip: host, port: port) {
            deliver(.found([address]))
            return
        }
        let question = Question(host: Array(host.utf8), port: port)
        let isNew = waiting.withLock { waiting in
            waiting[question, default: []].append(deliver)
            return waiting[question]?.count == 1
        }
        if isNew { threads.run { [self] in ask(question) } }
    }

    private func ask(_ question: Question) {
        let outcome = lookUp(String(decoding: question.host, as: UTF8.self), question.port)
        for deliver in waiting.withLock({ $0.removeValue(forKey: question) }) ?? [] { deliver(outcome) }
    }

    /// Asks the system (getaddrinfo(3)).
    public static func askSystem(_ host: String, _ port: UInt16) -> Outcome {
        var hints = unsafe addrinfo()
        unsafe hints.ai_flags = AI_NUMERICSERV
        unsafe hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        // SAFETY: the texts are read during the call; the list that it makes is read, then freed.
        let result = unsafe getaddrinfo(host, "\(port)", &hints, &list)
        guard result == 0 else { return .failed(unsafe String(cString: gai_strerror(result))) }
        defer { unsafe freeaddrinfo(list) }
        var found: [NetworkAddress] = []
        var entry = unsafe list
        while let info = unsafe entry?.pointee {
            if let address = unsafe address(of: info), !found.contains(address) { found.append(address) }
            unsafe entry = info.ai_next
        }
        return found.isEmpty ? .failed("no address") : .found(found)
    }

    @unsafe
    private static func address(of info: addrinfo) -> NetworkAddress? {
        guard let source = unsafe info.ai_addr else { return nil }
        var storage = sockaddr_storage()
        let count = unsafe min(Int(info.ai_addrlen), MemoryLayout<sockaddr_storage>.size)
        // SAFETY: the system says how long its address is; no more than that and than fits is copied.
        unsafe withUnsafeMutableBytes(of: &storage) {
            unsafe $0.copyMemory(from: UnsafeRawBufferPointer(start: source, count: count))
        }
        return NetworkAddress(storage, length: count)
    }
}
