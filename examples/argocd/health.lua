-- Argo CD: the health of a petrel.dev/ModelDeployment, from its conditions.
-- A new revision that waits, for its capacity or its time, leaves the resource Healthy while the former one serves: a
-- sync must not wait for days. Wait for the condition Promoted where a pipeline needs the new model itself.
local hs = {}

local function condition(name)
  if obj.status ~= nil and obj.status.conditions ~= nil then
    for _, candidate in ipairs(obj.status.conditions) do
      if candidate.type == name then
        return candidate
      end
    end
  end
  return nil
end

local function holds(found)
  return found ~= nil and found.status == "True"
end

-- Trying again goes on, but it takes a person to mend these.
local broken = {
  CredentialsUnusable = true,
  ExecutionProviderMissing = true,
  FetchFailed = true,
  ModelNotLoaded = true,
  PodsRefused = true,
}

if obj.spec ~= nil and obj.spec.suspend == true then
  hs.status = "Suspended"
  hs.message = "spec.suspend is true: the operator changes nothing"
  return hs
end

if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  hs.status = "Progressing"
  hs.message = "the operator has not acted on this generation yet"
  return hs
end

local stalled = condition("Stalled")
if holds(stalled) then
  hs.status = "Degraded"
  hs.message = stalled.reason .. ": " .. stalled.message
  return hs
end

local ready = condition("Ready")
if ready == nil then
  hs.status = "Progressing"
  hs.message = "the operator has not said anything yet"
  return hs
end

if not holds(ready) then
  hs.status = broken[ready.reason] and "Degraded" or "Progressing"
  hs.message = ready.reason .. ": " .. ready.message
  return hs
end

hs.status = "Healthy"
hs.message = ready.message
local rollout = condition("RolloutInProgress")
if holds(rollout) then
  hs.message = ready.message .. "; " .. rollout.reason .. ": " .. rollout.message
end
return hs
