import Basics

/// Tells which of the gateways that share a database have fallen silent.
///
/// Pure: a node counts as silent when its last sign of life has stayed the same for some time of the observer's own, so
/// that it does not matter how far the nodes' clocks are apart.
struct NodeWatch {
    /// What was seen of a node.
    private struct Sight {
        let sign: Milliseconds
        /// When the observer first saw it, in a time that never jumps.
        let since: Milliseconds
    }

    /// For how long a node is waited for: three times as long as one that is idle takes to give a sign.
    static let patience: Milliseconds = 180_000

    private var sights: [ExactText: Sight] = [:]

    /// Notes the last signs of life.
    ///
    /// - Parameters:
    ///   - signs: those of all other nodes.
    ///   - moment: the observer's time, which never jumps.
    /// - Returns: those of nodes that are silent.
    mutating func look(
        _ signs: [(node: String, at: Milliseconds)],
        at moment: Milliseconds
    ) -> [(node: String, at: Milliseconds)] {
        var silent: [(node: String, at: Milliseconds)] = []
        var seen: [ExactText: Sight] = [:]
        for (node, sign) in signs {
            let name = ExactText(node)
            let sight = sights[name].flatMap { $0.sign == sign ? $0 : nil } ?? Sight(sign: sign, since: moment)
            seen[name] = sight
            if moment - sight.since >= Self.patience { silent.append((node, sign)) }
        }
        sights = seen
        return silent
    }
}
