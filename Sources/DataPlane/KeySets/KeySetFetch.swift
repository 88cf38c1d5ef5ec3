import Dispatch
package import GatewayConfiguration
package import JOSE
import Logging
import Synchronization
import Transport

/// Fetches key sets once, for a command that judges a token.
package enum KeySetFetch {
    package struct Outcome: Sendable {
        /// The keys of each set that was fetched.
        package var keys: [KeySetURL: [Key]] = [:]
        /// Why the others were not.
        package var faults: [KeySetURL: String] = [:]
    }

    /// Returns once each set was fetched or could not be, after five seconds at most.
    package static func run(_ urls: [KeySetURL]) throws -> Outcome {
        let outcome = Mutex(Outcome())
        let hasEnded = DispatchSemaphore(value: 0)
        let thread = try EventLoopThread(name: "key sets") { loop in
            let sets = KeySets(
                loop: loop,
                resolver: Resolver(),
                descriptors: DescriptorBudget(descriptors: 0, loops: 1, hasControl: false),
                logger: Logger(label: "key sets") { _ in SwiftLogNoOpLogHandler() },
                publish: { keys in outcome.withLock { $0.keys = keys } }
            )
            sets.adopt(urls)
            sets.afterFirstFetch(of: urls) {
                outcome.withLock { $0.faults = sets.faults }
                sets.stop()
                hasEnded.signal()
            }
        }
        hasEnded.wait()
        thread.stop()
        thread.join()
        return outcome.withLock { $0 }
    }
}
