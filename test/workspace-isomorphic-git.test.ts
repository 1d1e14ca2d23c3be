import { whyNoSandbox } from '../src/agent/sandbox/tests/sandbox-fixture.ts'
import { createIsomorphicGit } from '../src/agent/workspace/isomorphic/isomorphic-git.ts'
import { describeWorkspaceRepo } from './conformance/workspace-repo.ts'

describeWorkspaceRepo('isomorphic-git', await whyNoSandbox(), createIsomorphicGit)
