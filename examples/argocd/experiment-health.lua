-- Argo CD: the health of a petrel.dev/ModelExperiment, from its status.
-- One that goes on is Healthy, one that waits for a release or for another one as well, and so is one that has ended, whatever
-- it found: a sync must not wait for weeks, and a result is no fault. Wait for the condition Ended where a pipeline needs it.
local hs = {}

-- It takes a person to mend these.
local broken = {
  CountedDifferently = true,
  MetricUnusable = true,
  ModelDeploymentMissing = true,
  ModelNotOther = true,
  NoPool = true,
  NotValidated = true,
}

-- These pass by themselves, and soon.
local passing = {
  ReplicasNotReady = true,
  StableNotServing = true,
}

if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  hs.status = "Progressing"
  hs.message = "the operator has not acted on this generation yet"
  return hs
end

hs.status = "Healthy"
hs.message = obj.status.phase .. ": " .. obj.status.message
if obj.status.phase == "Waiting" then
  hs.message = obj.status.reason .. ": " .. obj.status.message
  if broken[obj.status.reason] then
    hs.status = "Degraded"
  elseif passing[obj.status.reason] then
    hs.status = "Progressing"
  end
end
return hs
