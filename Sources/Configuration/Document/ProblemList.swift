/// The problems found so far, shared by everything that reads one document.
final class ProblemList {
    private var problems: [(place: Place, order: [Int], text: String)] = []

    var isEmpty: Bool { problems.isEmpty }

    func report(_ text: String, at place: Place) {
        problems.append((place, Schema.order(of: place), text))
    }

    /// The problems as lines, in the order of the schema and, within one place, in the order of discovery.
    func lines(name: String) -> [String] {
        problems.enumerated()
            .sorted { first, second in
                if first.element.order == second.element.order { return first.offset < second.offset }
                return first.element.order.lexicographicallyPrecedes(second.element.order)
            }
            .map { _, problem in
                let place = problem.place.description
                return place.isEmpty ? "\(name): \(problem.text)" : "\(name): \(place): \(problem.text)"
            }
    }
}
