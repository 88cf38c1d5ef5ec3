import Basics
import HTTPTypes
import JOSE
import Testing

@testable import ControlPlane

@Suite("Of two concurrent registrations with one e-mail, never both succeed")
struct RegistrationRaceTests {
    @Test("In a thousand rounds, each has one 200 and one 409")
    func rounds() async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        for block in 0..<20 {
            let outcomes = try await withThrowingTaskGroup(of: (Int, Int).self) { group in
                for number in 0..<50 {
                    for spelling in ["n\(block)-\(number)@example.com", "N\(block)-\(number)@EXAMPLE.com"] {
                        group.addTask {
                            let body = object(["name": "N", "email": .string(spelling)])
                            let reply = try await service.call(.post, "/event/\(uid)/registrant", body)
                            return (number, reply.status)
                        }
                    }
                }
                return try await group.reduce(into: [Int: [Int]]()) { $0[$1.0, default: []].append($1.1) }
            }
            #expect(outcomes.count == 50)
            #expect(outcomes.values.allSatisfy { $0.sorted() == [200, 409] })
        }
        let analytics = try await service.call(.get, "/event/\(uid)/analytics")
        #expect(analytics["registered"] == 1000)
    }
}
